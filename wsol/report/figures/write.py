"""Figures for papers, as PNG, SVG or PDF files through matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError
from wsol.report.figures import plots
from wsol.report.figures.map_grid import map_grid
from wsol.report.figures.style import STYLE
from wsol.report.numbers.names import slug
from wsol.report.numbers.report_data import ReportData
from wsol.report.numbers.rows import is_swept
from wsol.report.numbers.settings import RESAMPLES
from wsol.report.numbers.studies import ablations, knob_study, over_tau
from wsol.runs import gallery
from wsol.runs.write import write_whole

if TYPE_CHECKING:
    from wsol.runs.folder import RunFolder


def write_figures(
    folder: RunFolder,
    out: Path,
    *,
    style: str = "png",
    variants: Collection[str] | None = None,
    measures: Collection[str] | None = None,
    only: tuple[str, ...] = ("",),
    n_resamples: int = RESAMPLES,
    skip_failed: bool = False,
) -> list[Path]:
    """Write every figure that the run has rows for into `out`; returns the files.

    Parameters
    ----------
    style : png, svg or pdf.
    variants, measures : of these alone (variant keys; protocol and metric names).
    only : beginnings of the names of those that are wanted.

    Raises
    ------
    ConfigError where matplotlib is not installed, OutputError where `out` can't be written.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ConfigError("figures need matplotlib; install it with: pip install 'wsol[figures]'") from error
    data = ReportData.of(folder, variants=variants, measures=measures, n_resamples=n_resamples, skip_failed=skip_failed)
    written = []
    with mpl.rc_context(STYLE):
        mpl.use("Agg")
        import matplotlib.pyplot as plt

        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(style)
        for name, draw in figures(data):
            if not name.startswith(only):
                continue
            place = out / f"{slug(name)}.{style}"
            figure = draw()
            write_whole(place, partial(figure.savefig, metadata=undated), otherwise="choose another folder")
            plt.close(figure)
            written.append(place)
    return written


def figures(data: ReportData) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names of the figures, and what draws each."""
    for name, protocol in data.summary.protocols.items():
        if not any(True for _ in data.of_protocol(name)):
            continue
        if is_swept(protocol):
            yield f"accuracy-over-tau-{name}", partial(plots.accuracy, data, name)
        yield f"iou-{name}", partial(plots.histograms, data, name)
    for name, metric in data.summary.metrics.items():
        if any(f"{name}/{column}" in t.column_names for t in data.tables.values() for column in metric.curves):
            yield f"{'-'.join(metric.curves)}-{name}", partial(plots.curves, data, name)
    if data.headline is not None:
        yield "quality-against-cost", partial(plots.cost, data)
        for varied in ablations(data.lines, data.headline):
            yield f"ablation-{varied.method}-{varied.option}", partial(plots.ablation, varied, data.summary.measures)
    study = knob_study(data.summary.protocols)
    if study is not None and study.taus:
        yield "ablation-threshold", partial(plots.ablation, over_tau(data.lines, study), data.summary.measures)
    elif study is not None:
        yield f"knobs-{study.base}", partial(plots.knobs, data.lines, study)
    kept = gallery.read(data.folder)
    if kept is not None:
        yield "maps", partial(map_grid, kept, data)
