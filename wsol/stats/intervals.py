"""Intervals with a formula: Wilson's score interval for shares, Student's for means, with clusters if asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import DataError
from wsol.stats.tails import normal_quantile, t_quantile

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LEVEL",
    "Estimate",
    "degrees",
    "effective_n",
    "logit_interval",
    "mean",
    "normal_quantile",
    "proportion",
    "standard_error",
    "t_quantile",
    "wilson",
]

LEVEL = 0.95  # the field prints 95 % intervals wherever it prints any


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that covers the population's number in `level` of all samples.

    Shares and scores are fractions (0.59, not 59 %): tables scale them.
    """

    value: float
    low: float
    high: float
    n: int
    level: float = LEVEL


def wilson(hits: float, n: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share hits / n; right also near 0 and 1, where +- 2 SE is not.

    `n` may be an effective number of images (Korn & Graubard 1998), see `effective_n`.
    """
    if n <= 0:
        raise DataError("there are no images; an interval needs at least one")
    if np.isnan(n):
        return float("nan"), float("nan")
    z = normal_quantile(level)
    share = min(max(hits / n, 0.0), 1.0)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    # the ends are 0 and 1 by algebra; the rounding of the square root must not leave 1e-17
    return 0.0 if share == 0 else max(0.0, centre - half), 1.0 if share == 1 else min(1.0, centre + half)


def proportion(hits: ArrayLike, *, clusters: ArrayLike | None = None, level: float = LEVEL) -> Estimate:
    """Share of hits of (n,) bits, with Wilson's interval; with `clusters` at the effective number of images."""
    x = _numbers(hits)
    value, error = float(x.mean()), standard_error(x, clusters=clusters)
    effective = effective_n(value, error, len(x))
    low, high = wilson(value * effective, effective, level=level)
    return Estimate(value, low, high, len(x), level)


def mean(values: ArrayLike, *, clusters: ArrayLike | None = None, level: float = LEVEL) -> Estimate:
    """Mean of (n,) numbers with Student's t interval; with `clusters` the error is that of cluster sums."""
    x = _numbers(values)
    value = float(x.mean())
    half = t_quantile(level, degrees(len(x), clusters)) * standard_error(x, clusters=clusters)
    return Estimate(value, value - half, value + half, len(x), level)


def effective_n(value: float, error: float, n: int) -> float:
    """How many independent bits tell as much about a share as n images with this `standard_error`: v (1 - v) / SE^2.

    Plain bits give n itself, clustered images fewer, means of several hits an image more; nan for an unknown error.
    """
    if np.isnan(error) and n > 1:
        return float("nan")
    if not (error > 0 and 0 < value < 1):
        return float(n)
    return value * (1 - value) / error**2 * n / (n - 1)  # n / (n - 1) undoes the sample variance's


def standard_error(values: NDArray[np.float64], *, clusters: ArrayLike | None = None) -> float:
    """Standard error of the mean of (n,) numbers; nan for one image or one cluster, which tell nothing about spread.

    With clusters: sqrt(c / (c - 1) sum_clusters (sum of residuals)^2) / n (Miller 2024, eq. 4, with the
    usual small-sample factor).
    """
    n = len(values)
    residuals = values - values.mean()
    if clusters is not None:
        _, codes = np.unique(np.asarray(clusters), return_inverse=True)
        if len(codes) != n:
            raise DataError(f"{len(codes)} cluster labels for {n} images; give one label an image")
        residuals = np.bincount(codes, residuals)
    units = len(residuals)
    return float(np.sqrt(units / (units - 1) * (residuals**2).sum())) / n if units > 1 else float("nan")


def logit_interval(value: float, half: float, least: float, most: float) -> tuple[float, float]:
    """An interval of half width `half` around a number inside (least, most), bent so that it stays inside."""
    share = (value - least) / (most - least)
    middle, reach = np.log(share / (1 - share)), half / (most - least) / (share * (1 - share))
    low, high = (least + (most - least) / (1 + np.exp(-np.clip([middle - reach, middle + reach], -700, 700)))).tolist()
    return float(low), float(high)


def degrees(n: int, clusters: ArrayLike | None = None) -> int:
    """Degrees of freedom of a standard error: independent units - 1, at least 1."""
    units = n if clusters is None else len(np.unique(np.asarray(clusters)))
    return max(units - 1, 1)


def _numbers(values: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise DataError(f"values of shape {x.shape}; a mean needs one number for each of at least one image")
    if not np.isfinite(x).all():
        raise DataError(f"value {int(np.flatnonzero(~np.isfinite(x))[0])} is not finite; leave such images out first")
    return x
