"""What an evaluation gave: read from its rows, when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from wsol.api.table import ShownTable
    from wsol.runs.folder import RunFolder


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

    @property
    def folder(self) -> RunFolder:
        """The one run. Raises ConfigError where there are several."""
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

        found = frame([folder.path for folder in self.folders], lists=lists)
        return found if self.variants is None else found[found["variant"].isin(self._ids())].reset_index(drop=True)

    def table(self, **layout: Any) -> ShownTable:
        """The table that `wsol table` prints, which shows itself in a notebook; ``print(result.table())`` elsewhere.

        Parameters
        ----------
        layout : as `wsol.report.tables.show.Layout` has it: ``choice``, ``pivot``, ``by_class``.
        """
        from wsol.api.table import ShownTable
        from wsol.report.numbers.summary import summarize
        from wsol.report.tables.show import Layout, table_of_runs

        found = [summarize(folder, variants=self.variants) for folder in self.folders]
        return ShownTable(table_of_runs(found, Layout(**layout)))

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
        UnknownName : there is no such figure of these rows.
        """
        import matplotlib as mpl

        from wsol.errors import unknown
        from wsol.report.figures.style import STYLE
        from wsol.report.figures.write import figures
        from wsol.report.numbers.report_data import ReportData

        known = dict(figures(ReportData.of(self.folder, variants=self.variants)))
        beginning = {"tau": "accuracy"}.get(name, name)
        chosen = next((draw for key, draw in known.items() if key.startswith(beginning)), None)
        if chosen is None:
            raise unknown("figure", name, ["tau", *known])
        with mpl.rc_context(STYLE):
            return chosen()

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
    from wsol.runs.folder import open_run

    names = [run] if isinstance(run, str | Path) else run
    return Result(*(open_run(name, Path(runs)) for name in names))
