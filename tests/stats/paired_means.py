"""A paired t test of two means in closed form, with which the drawn differences of means must agree."""

from __future__ import annotations

from numpy.typing import ArrayLike

from wsol.stats.intervals import LEVEL, degrees
from wsol.stats.paired import Difference, _p_value, _pair, _smoothed_error
from wsol.stats.tails import t_quantile


def paired_mean(a: ArrayLike, b: ArrayLike, *, clusters: ArrayLike | None = None, level: float = LEVEL) -> Difference:
    """Difference of the means of two (n,) scores of the same images: a paired t test, with cluster errors if asked."""
    x, y = _pair(a, b)
    apart = x - y
    value, error = float(apart.mean()), _smoothed_error(apart, clusters)
    df = degrees(len(apart), clusters)
    half = t_quantile(level, df) * error
    p = _p_value(value, error, df)
    better, worse = int((apart > 0).sum()), int((apart < 0).sum())
    return Difference(value, value - half, value + half, p, len(apart), better, worse, level)
