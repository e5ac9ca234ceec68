"""Figures for papers, as PNG, SVG or PDF files through matplotlib."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError, OutputError
from wsol.report.figures import plots
from wsol.report.figures.ablation import ablations, thresholds
from wsol.report.figures.map_grid import map_grid
from wsol.report.figures.series import PATHS
from wsol.report.numbers.rows import is_swept
from wsol.report.numbers.summary import RESAMPLES
from wsol.report.page.data import Material
from wsol.report.tables.knobs import knob_study
from wsol.runs import gallery

if TYPE_CHECKING:
    from wsol.runs.folder import RunFolder

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # text stays text: publishers refuse Type 3 fonts
    "svg.fonttype": "none",
    "svg.hashsalt": "wsol",  # the same rows give the same file
}


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
    material = Material.of(
        folder, variants=variants, measures=measures, n_resamples=n_resamples, skip_failed=skip_failed
    )
    written = []
    with mpl.rc_context(STYLE):
        mpl.use("Agg")
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, draw in figures(material):
                if not name.startswith(only):
                    continue
                place = out / f"{_slug(name)}.{style}"
                figure = draw()
                figure.savefig(place, metadata={"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(style))
                _close(figure)
                written.append(place)
        except OSError as error:
            raise OutputError(f"can't write to {out}: {error.strerror}; choose another folder") from error
    return written


def figures(material: Material) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names of the figures, and what draws each."""
    for name, protocol in material.summary.protocols.items():
        if not any(True for _ in material.of_protocol(name)):
            continue
        if is_swept(protocol):
            yield f"accuracy-over-tau-{name}", partial(plots.accuracy, material, name)
        yield f"iou-{name}", partial(plots.histograms, material, name)
    for name in material.summary.metrics:
        if any(f"{name}/{path}" in t.column_names for t in material.tables.values() for path in PATHS):
            yield f"deletion-insertion-{name}", partial(plots.paths, material, name)
    if material.headline is not None:
        yield "quality-against-cost", partial(plots.cost, material)
        for varied in ablations(material):
            yield f"ablation-{varied.method}-{varied.option}", partial(plots.ablation, varied)
    study = knob_study(material.summary.protocols)
    if study is not None and study.taus:
        yield "ablation-threshold", partial(plots.ablation, thresholds(material.lines, study))
    elif study is not None:
        yield f"knobs-{study.base}", partial(plots.knobs, material.lines, study)
    kept = gallery.read(material.folder)
    if kept is not None:
        yield "maps", partial(map_grid, kept, material)


def _close(figure: Any) -> None:
    import matplotlib.pyplot as plt

    plt.close(figure)


def _slug(name: str) -> str:
    return re.sub(r"[^\w.+=@-]+", "_", name).strip("_")
