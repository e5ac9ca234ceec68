"""Tails of Student's, the normal and the binomial distribution, and quantiles of samples.

SciPy loads when the first p value is asked for: an eighth of a second that a table without one need not wait.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def normal_quantile(level: float) -> float:
    """z with `level` of the normal distribution within +- z: 1.96 for 0.95."""
    return NormalDist().inv_cdf(1 - _one_tail(level))


def t_tails(t: ArrayLike, df: int) -> NDArray[np.float64]:
    """Two-sided p of t values, in their shape."""
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(df, -np.abs(t)))


@lru_cache(maxsize=256)
def t_quantile(level: float, df: int) -> float:
    """t with `level` of Student's distribution within +- t."""
    from scipy.special import stdtrit

    return -float(stdtrit(df, _one_tail(level)))


def binomial_below(k: int, n: int) -> float:
    """P(X <= k) of n fair coins."""
    from scipy.special import betainc

    if k < 0:
        return 0.0
    return 1.0 if k >= n else float(betainc(n - k, k + 1, 0.5))


def quantile(values: NDArray[np.float64], share: float) -> float:
    """`np.quantile` of (n,) finite numbers, whose checks take ten times as long as the selection, and import np.ma."""
    place = share * (len(values) - 1)
    lower = int(place)
    upper = min(lower + 1, len(values) - 1)
    low, high = np.partition(values, [lower, upper])[[lower, upper]]
    between = place - lower
    # from the nearer end, as NumPy has it
    return float(low + (high - low) * between if between < 0.5 else high - (high - low) * (1 - between))


def _one_tail(level: float) -> float:
    if not 0 < level < 1:
        raise ConfigError(f"level={level}: an interval's level lies between 0 and 1; 0.95 is the default")
    return (1 - level) / 2
