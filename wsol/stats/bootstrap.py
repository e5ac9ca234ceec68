"""Statistics over the resamples of a run: means, and any pooled number; those at a best threshold are in `best`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import DataError
from wsol.stats.averages import class_weights
from wsol.stats.best import IOU_DELTAS, draw_best, max_box_acc
from wsol.stats.draws import Draws, average
from wsol.stats.jackknife import left_out

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from wsol.stats.resamples import Resamples

    Statistic = Callable[[NDArray[np.float32]], ArrayLike]

__all__ = [
    "IOU_DELTAS",
    "Draws",
    "average",
    "class_weights",
    "draw",
    "draw_best",
    "draw_class_mean",
    "draw_mean",
    "max_box_acc",
]

BLOCK_CELLS = 1 << 22  # numbers in one block of replicates: 16 MB of float32


def draw_mean(
    values: ArrayLike, resamples: Resamples, *, bounded: bool = False, bounds: tuple[float, float] | None = None
) -> Draws:
    """Draws of the mean of (n,) finite numbers; `bounded` for bits and other shares of images (Wilson's shape).

    `bounds` are the lowest and highest number there can be; intervals of few and skewed ones need them.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.shape != (resamples.n,):
        raise DataError(f"values of shape {x.shape} for {resamples.n} resampled images; give one number per image")
    if not np.isfinite(x).all():
        raise DataError(f"value {int(np.flatnonzero(~np.isfinite(x))[0])} is not finite; leave such images out first")
    return Draws(float(x.mean()), None, x, resamples, bounded=bounded, bounds=bounds)


def draw_class_mean(values: ArrayLike, labels: ArrayLike, resamples: Resamples) -> Draws:
    """Draws of the mean over classes of the mean over their images, of (n,) bits.

    Replicates are linear: which images a class drew moves its mean, how many it drew moves nothing; where classes are
    drawn, which of them.
    """
    x, classes = np.asarray(values, np.float64), np.asarray(labels)
    _, codes = np.unique(classes, return_inverse=True)
    weights = class_weights(classes)
    value = float(weights @ x)
    residuals = x - ((np.bincount(codes, x) / np.bincount(codes))[codes] if resamples.clusters is None else value)
    drawn = draw_mean(value + len(x) * weights * residuals, resamples, bounded=True)
    return replace(drawn, value=value, scores=x)


def draw(statistic: Statistic, resamples: Resamples, *, bounds: tuple[float, float] | None = None) -> Draws:
    """Draws of any number of weighted images: `statistic` maps weight vectors (b, n) float32 to (b,) numbers.

    For pooled numbers (PxAP, mAP, a ratio of sums), of which no image owns a part. Replicates may be nan where the
    number is undefined (a resample without any positive image); the error is that of the others. Samples without one
    image each (`jackknife`) say how far single images move it.
    """
    value = float(np.asarray(statistic(np.ones((1, resamples.n), np.float32)))[0])
    parts = [np.asarray(statistic(rows), np.float64) for rows in resamples.blocks(_rows(resamples.n))]
    without: NDArray[np.float64] | None = None
    if resamples.units > 1:
        weights, rows = left_out(resamples), _rows(resamples.n)
        blocks = [weights[start : start + rows] for start in range(0, len(weights), rows)]
        without = np.concatenate([np.asarray(statistic(block), np.float64) for block in blocks])
    return Draws(value, np.concatenate(parts), None, resamples, bounds=bounds, without=without)


def _rows(width: int) -> int:
    return max(1, min(256, BLOCK_CELLS // width))
