"""Curves and histograms from rows: the same ones on the page and in figure files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.report.numbers.rows import curves_of, flat, known, tau_of
from wsol.stats.intervals import LEVEL, t_quantile

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.runs.schema import ProtocolInfo

TAUS = np.arange(201) / 200  # where accuracies are drawn; the last is the end of the curve
BINS = 20  # of IoU histograms: every usual delta is an edge


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one variant, with an interval around them where there is one."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None


def accuracy_line(rows: pa.Table, protocol: ProtocolInfo, delta: float) -> Curve:
    """Share of images whose IoU reaches `delta`, at TAUS: the curve whose maximum is MaxBoxAcc."""
    curves = curves_of(rows, protocol)
    grid, accuracy = curves.accuracy(delta, ge=protocol.knobs["hit"] == "ge")
    starts = np.array([tau_of(position, protocol) for position in grid])
    # a little further: np.arange(0, 1, 0.001) has 0.8200000000000001 where TAUS has 0.82
    return Curve(TAUS, accuracy[np.searchsorted(starts, TAUS + 1e-9, side="right") - 1])


def iou_histogram(rows: pa.Table, protocol: ProtocolInfo) -> tuple[NDArray[np.int64], float]:
    """Images by IoU, (BINS,), at the threshold that is best at delta 0.5, and that threshold."""
    curves = curves_of(rows, protocol)
    _, position = curves.best(0.5, ge=protocol.knobs["hit"] == "ge")
    bins = np.minimum((curves.at(position) * BINS + 1e-9).astype(int), BINS - 1)  # 0.3 * 20 is just under 6
    return np.bincount(bins, minlength=BINS), tau_of(position, protocol)


def metric_curve(table: pa.Table, metric: str, column: str) -> Curve | None:
    """The mean over images of a curve per image over [0, 1], with its interval; None where there is none."""
    column = f"{metric}/{column}"
    if column not in table.column_names:
        return None
    rows = known(table, column)
    if not len(rows):
        return None
    curves = flat(rows, column).reshape(len(rows), -1)
    mean = curves.mean(0)
    half = np.zeros_like(mean)
    if len(rows) > 1:
        half = t_quantile(LEVEL, len(rows) - 1) * curves.std(0, ddof=1) / np.sqrt(len(rows))
    return Curve(np.linspace(0, 1, curves.shape[1]), mean, mean - half, mean + half)
