"""Means of few and skewed numbers, for which Student's interval is far too short: many zeros and a few large ones.

With 95 % zeros, Student's 95 % interval covers 32 % at n = 8 and 56 % at n = 20: a sample without the large numbers
knows nothing of them. What still holds is an interval from the bounds of the numbers (Gaffke 2005; Learned-Miller &
Thomas 2020, A New Confidence Interval for the Mean of a Bounded Random Variable): the sorted numbers and one more at
the bound, weighted by the gaps between n uniform order statistics. For bits it is Clopper & Pearson's. Measured, 1000
samples of each of 8 distributions at n = 8 to 400: with the rule below 95 % intervals cover 93-99.9 %, Student's alone
32-97 %. No rule sees what a sample does not show: where 3 % of the images have 1 and all others at most 0.02, samples
without a 1 look symmetric, and the intervals of 8 or 20 images cover 50 %.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Student's interval needs more than so many times G1^2 numbers. Cochran (1977, Sampling Techniques, sec. 2.15) says 25
# for a normal one; measured, 10 covers as well, and leaves Student's where 50 deletion areas are skewed a little.
SKEWED = 10
GAPS = 4000  # draws of the weights; the ends then move by 1 % of the width from one seed to the next
KEPT, MOST = 500, 2000  # up to so many numbers the weights are kept (16 MB); of so many distinct ones they are drawn
SAME = 1e-12  # a spread below this is rounding


def is_skewed(values: ArrayLike) -> bool:
    """Whether (n,) numbers are too few for Student's interval: n <= 10 G1^2, or all equal."""
    return bool(are_skewed(np.asarray(values, np.float64)[None])[0])


def are_skewed(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The same of each of (m, n) rows, as (m,)."""
    apart = rows - rows.mean(1, keepdims=True)
    squares = apart * apart
    spread = np.sqrt(squares.mean(1))
    same = spread <= SAME * np.maximum(1.0, np.abs(rows).max(1))
    third = (squares * apart).mean(1) / np.where(same, 1, spread) ** 3
    return np.asarray(same | (rows.shape[1] <= SKEWED * third**2))


def bounded_mean(values: ArrayLike, least: float, most: float, *, level: float) -> tuple[float, float]:
    """Interval for the mean of (n,) numbers that lie in [least, most]; never of width 0."""
    low, high = _ends(values, least, most)
    tail = (1 - level) / 2
    # the weights sum to 1 but for rounding
    return max(least, float(np.quantile(low, tail))), min(most, float(np.quantile(high, 1 - tail)))


def zero_mean_p(values: ArrayLike, least: float, most: float) -> float:
    """Two-sided p of mean 0 of (n,) numbers that lie in [least, most]: where `bounded_mean` just reaches 0."""
    return float(_two_sided(*_ends(values, least, most)))


def zero_mean_p_values(rows: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) the same of each of (m, n) rows, of numbers that lie in (m,) +- `reach`."""
    n, most = rows.shape[1], reach[:, None]
    if n > KEPT:
        return np.array([zero_mean_p(row, -end, end) for row, end in zip(rows, reach, strict=True)])
    at, gaps = np.sort(np.clip(rows, -most, most), axis=1), _gaps(n)
    # row by row: for one product of all, BLAS wakes threads that spin longer than they compute
    middle, more = np.reshape([gaps[:, :-1] @ row for row in at], (len(at), GAPS)), gaps[:, -1]
    return _two_sided(middle - most * more, middle + most * more)


def _two_sided(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """p of mean 0 from draws of both ends, (..., GAPS) to (...)."""
    below, above = (low <= 0).mean(-1), (high >= 0).mean(-1)
    return np.asarray(np.minimum(1.0, 2 * np.maximum(np.minimum(below, above), 0.5 / GAPS)))


def _ends(values: ArrayLike, least: float, most: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(GAPS,) weighted means of the numbers and one more at the lower, and at the upper bound."""
    x = np.clip(np.asarray(values, np.float64), least, most)
    if len(x) <= KEPT:
        at, gaps = np.sort(x), _gaps(len(x))
    else:  # equal numbers share one gap, as long as theirs together
        at, counts = np.unique(x if len(np.unique(x)) <= MOST else x.round(3), return_counts=True)
        gaps = np.random.Generator(np.random.PCG64([len(x)])).standard_gamma([*counts, 1], (GAPS, len(at) + 1))
        gaps /= gaps.sum(1, keepdims=True)
    middle, more = gaps[:, :-1] @ at, gaps[:, -1]
    return middle + more * least, middle + more * most


@lru_cache(maxsize=4)
def _gaps(n: int) -> NDArray[np.float64]:
    return np.random.Generator(np.random.PCG64([n])).dirichlet(np.ones(n + 1), GAPS)
