"""What an evaluation gave: read from its rows, when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from wsol.errors import ConfigError, unknown

if TYPE_CHECKING:
    import pandas as pd

    from wsol.api.table import ShownTable
    from wsol.report.numbers.settings import Settings
    from wsol.report.numbers.summary import Summary
    from wsol.runs.folder import RunFolder

    Tau: TypeAlias = "str | float | Result"

FIGURES = {"tau": "accuracy-over-tau", "cost": "quality-against-cost"}  # short names


class Result:
    """The rows of a run, and every table, figure and page made of them.

    Attributes
    ----------
    folders : where the rows are; a result of several runs has their tables and rows, and nothing of one run alone.
    variants : keys of those this result is of; None for all of the run.
    """

    def __init__(
        self,
        *folders: RunFolder,
        variants: Sequence[str] | None = None,
    ) -> None:
        self.folders = folders
        self.variants = variants
        self._summaries: dict[tuple[Any, ...], Summary] = {}

    @property
    def folder(self) -> RunFolder:
        """The one run. Raises ConfigError where there is none, or several."""
        self._check()
        if len(self.folders) > 1:
            raise ConfigError(f"this result is of {len(self.folders)} runs; load the one that is meant")
        return self.folders[0]

    @property
    def path(self) -> Path:
        """The run folder: what `wsol table`, `wsol report` and `wsol export` take."""
        return self.folder.path

    def rows(self, *, lists: bool = False) -> pd.DataFrame:
        """One row per image and variant.

        Columns: run, variant, method, layers, ``option.NAME``; image_id, label, predicted, probability, rank, width,
        height; for each protocol ``NAME/tau`` (the run's best one at IoU 0.5, or the fixed one), ``NAME/iou_at_tau``
        and ``NAME/hit``; the columns of metrics; costs.

        Parameters
        ----------
        lists : keep whole curves too (thresholds, IoU, boxes, deletion), as arrays.
        """
        from wsol.report.export.frame import frame

        self._check()
        found = frame([folder.path for folder in self.folders], lists=lists)
        return found if self.variants is None else found[found["variant"].isin(self._ids())].reset_index(drop=True)

    def table(self, *, tau: Tau | Sequence[Tau] = "oracle", **layout: Any) -> ShownTable:
        """The table that `wsol table` prints, which shows itself in a notebook; ``print(result.table())`` elsewhere.

        Parameters
        ----------
        tau : where swept protocols take their threshold from, one or several: the best on these images (``oracle``), on
            their other half (``split-half``), on the run of the val split beside this one (``val``), on another run
            there (``val:RUN``), or on another result, of held-out images. A fixed one is a protocol's own:
            ``protocols=["choe2020_v2[tau=0.2]"]``.
        layout : as `wsol.report.tables.show.Layout` has it: ``choice``, ``pivot``, ``by_class``.

        Raises
        ------
        ConfigError : there is no such source, or no run of the val split.
        """
        from wsol.api.table import ShownTable
        from wsol.report.tables.show import Layout, table_of_runs

        self._check()
        several = [tau] if isinstance(tau, str) or not isinstance(tau, Sequence) else tau
        known = [field.name for field in fields(Layout)]
        strange = next((name for name in layout if name not in known), None)
        if strange is not None:
            raise unknown("layout option", strange, known, error=ConfigError)
        shown = Layout(**layout)
        found = [
            self._summary(folder, replace(self._settings(folder, several), by_class=shown.by_class))
            for folder in self.folders
        ]
        return ShownTable(table_of_runs(found, shown))

    def compare(self, first: str, second: str) -> ShownTable:
        """Two variants on the images they share: differences with intervals and tests.

        Raises UnknownName for a variant that is not in the run; names are understood as `wsol compare` does.
        """
        from wsol.api.table import ShownTable
        from wsol.report.numbers.choose import Choice
        from wsol.report.tables.compare import compare_table, compared
        from wsol.report.tables.sides import sides, variant_key

        folder = self.folder
        a, b = sides((folder, variant_key(folder, first)), (folder, variant_key(folder, second)))
        return ShownTable(compare_table(compared(a, b, Choice()), a, b))

    def report(self, path: str | Path) -> Path:
        """Write the HTML page of the run; returns its path. Raises OutputError where it can't be written."""
        from wsol.report.page.html import render_page
        from wsol.runs.write import write_text

        place = Path(path)
        write_text(place, render_page(self.folder), otherwise="choose another file")
        return place

    def plot(self, name: str = "tau") -> Any:
        """A figure of the run, as a matplotlib figure. Needs the extra ``figures``.

        Parameters
        ----------
        name : ``tau`` (accuracy along the threshold), ``cost``, or the beginning of a name that
            `wsol report --figures` writes.

        Raises
        ------
        UnknownName : there is no such figure of these rows. ConfigError : matplotlib is not installed.
        """
        try:
            import matplotlib as mpl
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ConfigError("figures need matplotlib; install it with: pip install 'wsol[figures]'") from error

        from wsol.report.figures.style import STYLE
        from wsol.report.figures.write import figures
        from wsol.report.numbers.failures import prepared
        from wsol.report.numbers.report_data import ReportData
        from wsol.report.numbers.settings import Settings

        stored, about = self.folder.tables(self.variants), self.folder.about()
        rows = {key: prepared(table, about) for key, table in stored.items()}
        known = dict(figures(ReportData(self.folder, self._summary(self.folder, Settings()), rows)))
        beginning = FIGURES.get(name, name)
        chosen = next((draw for key, draw in known.items() if key.startswith(beginning)), None)
        if chosen is None:
            raise unknown("figure", name, [*FIGURES, *known])
        with mpl.rc_context(STYLE):
            figure = chosen()
        if "inline" in mpl.get_backend().lower():  # a notebook shows what pyplot holds, and the value of the cell again
            plt.close(figure)
        return figure

    def _check(self) -> None:
        if not self.folders:
            raise ConfigError("there are no rows: nothing of this was run")

    def _settings(self, folder: RunFolder, taus: Sequence[Tau]) -> Settings:
        """The settings of a summary with these sources of thresholds. Raises ConfigError."""
        from wsol.report.numbers.thresholds import settings_of

        for tau in taus:
            if isinstance(tau, bool) or not isinstance(tau, str | Real | Result):
                raise ConfigError(
                    f"tau={tau!r}: expected oracle, split-half, per-image, val, val:RUN, a fixed threshold such as 0.2 "
                    "or a result of held-out images"
                )
        others = [tau.folder for tau in taus if isinstance(tau, Result)]
        words = [tau if isinstance(tau, str) else repr(float(tau)) for tau in taus if not isinstance(tau, Result)]
        settings = settings_of(words, folder.path.parent, of=folder)
        if not others:
            return settings
        if len(others) > 1 or settings.validation is not None:
            raise ConfigError("thresholds of two runs are asked for; choose one run of held-out images")
        return replace(settings, taus=[*(settings.taus if words else ()), "val"], validation=others[0])

    def _summary(self, folder: RunFolder, settings: Settings) -> Summary:
        """The numbers of a run, drawn once for as long as its rows are what they are."""
        from wsol.report.numbers.summary import summarize

        read = [folder.path, *([settings.validation.path] if settings.validation else [])]
        files = [file for path in read for file in sorted((path / "rows").glob("*.parquet"))]
        key = (
            tuple((str(file), file.stat().st_mtime_ns) for file in files),
            tuple(settings.taus),
            settings.by_class,
        )
        if key not in self._summaries:
            self._summaries[key] = summarize(folder, variants=self.variants, settings=settings)
        return self._summaries[key]

    def __repr__(self) -> str:
        return f"Result({', '.join(folder.name for folder in self.folders)})\n{self.table()}"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _ids(self) -> set[str]:
        return {
            info.id
            for folder in self.folders
            for key, info in folder.about().variants.items()
            if key in (self.variants or ())
        }


def load(run: str | Path | Sequence[str | Path] = "latest", *, runs: str | Path = "results/runs") -> Result:
    """A run that was evaluated before: a folder, the beginning of its name, or ``latest``; several make one result.

    Raises
    ------
    WsolError : there is no such run.
    """
    from wsol.runs.find import open_run

    names = [run] if isinstance(run, str | Path) else run
    return Result(*(open_run(name, Path(runs)) for name in names))
