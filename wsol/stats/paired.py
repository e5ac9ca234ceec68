"""Differences of two variants on the same images, their p values, and Holm's correction over a table.

Pairing is what makes small differences visible: for two methods that agree on 90 % of ImageNet's validation images it
turns +-0.62 points into +-0.28 (handbook: field 6; Miller 2024, sec. 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import ConfigError, DataError
from wsol.stats.draws import pooled_error, spread
from wsol.stats.intervals import LEVEL, standard_error
from wsol.stats.jackknife import kurtosis_degrees
from wsol.stats.skewed import bounded_mean, is_skewed, zero_mean_p
from wsol.stats.tails import binomial_below, normal_quantile, t_quantile, t_tails

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from wsol.stats.draws import Draws

EXACT_BELOW = 25  # discordant images from which on McNemar's test is the mid-p one (Fagerland et al. 2013)
POWER = 0.8  # of a test to find a difference that is there: what studies are planned for


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher one variant is than another on the same images.

    Attributes
    ----------
    value, low, high : difference of the two values, as fractions, and its interval at `level`.
    p : two-sided p value of no difference, not corrected for the number of rows (see `holm`).
    better, worse : discordant images: in how many the first variant scores higher, and lower.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    better: int
    worse: int
    level: float = LEVEL

    @property
    def needed(self) -> float:
        """How many images would show a difference of this size in POWER of all samples, at this level, two-sided.

        n ((z + z_power) error / difference)^2, with the error that the interval has; inf for no difference at all, nan
        without an interval.
        """
        z = normal_quantile(self.level)
        error = (self.high - self.low) / 2 / z
        if self.value == 0:
            return float("inf")
        return self.n * ((z + normal_quantile(2 * POWER - 1)) * error / self.value) ** 2


def difference(a: Draws, b: Draws, *, level: float = LEVEL) -> Difference:
    """`a` minus `b`, paired by image and by resample, with thresholds chosen again for both in every replicate.

    The standard error is the larger of two that should agree: of the replicates' differences, and of the images'
    differences at the chosen thresholds. The replicates alone reject true ties too often (up to 10 % at the 5 % level)
    when one variant has a sharp best threshold and the other a broad one; the bias of the maxima is subtracted for the
    same reason. p comes from Student's t, since counting replicates can't reach the small p a long table needs.

    Where too few images of two means differ, or too unlike, interval and p come from the bounds of the numbers. Without
    bounds there is no interval, and p is that of the exact sign test where it is larger.
    """
    pair = _Pair.of(a, b)
    if isinstance(pair, McNemar):
        assert a.influence is not None
        assert b.influence is not None
        return paired_hits(a.influence, b.influence, level=level)
    better = worse = 0
    if pair.apart is not None:
        counted = pair.apart if a.scores is None or b.scores is None else a.scores - b.scores
        better, worse = int((counted > 0).sum()), int((counted < 0).sum())
    low, high = pair.interval(level)
    return Difference(pair.value, low, high, pair.p, a.n, better, worse, level)


def p_value(a: Draws, b: Draws) -> float:
    """That of `difference`, without its interval; `wsol.stats.all_pairs` has those of many pairs at once."""
    return _Pair.of(a, b).p


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two statistics side by side.

    Attributes
    ----------
    value, centre, error, df : their difference, the same without the bias of maxima, and Student's.
    apart : (n,) difference of each image; None for pooled numbers.
    reach : where too few images differ for Student's test, the largest difference there can be, nan without bounds.
    """

    value: float
    centre: float
    error: float
    df: int
    apart: NDArray[np.float64] | None
    reach: float | None = None

    @classmethod
    def of(cls, a: Draws, b: Draws) -> _Pair | McNemar:
        """McNemar's test where it is of plain hits on both sides."""
        if not a.resamples.same_as(b.resamples):
            raise ConfigError(
                "a paired difference needs the same images and resamples on both sides; use one seed for all"
            )
        if a.hits is not None and b.hits is not None:
            return mcnemar(a.hits, b.hits)
        value = a.value - b.value
        again = a.replicates - b.replicates
        errors, apart, reach = [spread(again)], None, None
        df = max(a.units - 1, 1)
        if a.influence is None or b.influence is None:
            without = None if a.without is None or b.without is None else a.without - b.without
            errors = [pooled_error(again, without, max(a.units, 2))]
            df = df if without is None else kurtosis_degrees(without, a.units)
        else:
            apart = a.influence - b.influence
            errors.append(_smoothed_error(apart, a.clusters))
        error = max((one for one in errors if not np.isnan(one)), default=float("nan"))
        if a.units < 2:
            error = float("nan")  # all replicates are the one image or class there is: they agree, and tell nothing
        chosen = a.contact is not None or b.contact is not None  # the best of several; a part's threshold is not
        centre = value - (float(again.mean()) - value) if chosen and error > 0 else value
        means = a.plain and b.plain and a.units > 1 and a.clusters is None
        if means and apart is not None and apart.any() and is_skewed(apart):
            reach = float("nan") if a.bounds is None or a.bounds != b.bounds else a.bounds[1] - a.bounds[0]
        return cls(value, centre, error, df, apart, reach)

    @property
    def p(self) -> float:
        p = _p_value(self.centre, self.error, self.df)
        if self.reach is None:
            return p
        assert self.apart is not None
        if np.isnan(self.reach):
            return max(p, mcnemar(self.apart > 0, self.apart < 0).p)
        return zero_mean_p(self.apart, -self.reach, self.reach)

    def interval(self, level: float) -> tuple[float, float]:
        """Both ends; the value is never outside."""
        half = t_quantile(level, self.df) * self.error
        low, high = self.centre - half, self.centre + half
        if self.reach is not None:
            assert self.apart is not None
            if np.isnan(self.reach):
                return float("nan"), float("nan")
            low, high = bounded_mean(self.apart, -self.reach, self.reach, level=level)
        return min(low, self.value), max(high, self.value)


def paired_hits(a: ArrayLike, b: ArrayLike, *, level: float = LEVEL) -> Difference:
    """Difference of two shares of (n,) hit bits of the same images, at thresholds that were not chosen on them.

    p is McNemar's; the interval is Bonett & Price's (2012), which adds one discordant image on each side.
    """
    x, y = _pair(a, b)
    outcome = mcnemar(x > 0, y > 0)
    value, n = float(x.mean() - y.mean()), len(x)
    up, down = (outcome.better + 1) / (n + 2), (outcome.worse + 1) / (n + 2)
    half = normal_quantile(level) * float(np.sqrt((up + down - (up - down) ** 2) / (n + 2)))
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Difference(value, min(low, value), max(high, value), outcome.p, n, outcome.better, outcome.worse, level)


@dataclass(frozen=True, slots=True)
class McNemar:
    """Discordant counts of two methods' hits and the p value of their being equally likely."""

    better: int
    worse: int
    p: float
    test: str


def mcnemar(a: ArrayLike, b: ArrayLike) -> McNemar:
    """McNemar's test of two (n,) arrays of hit bits: exact below 25 discordant images, mid-p from there on.

    Given b + c discordant images, the count of one kind is Binomial(b + c, 1/2) when the methods are equally good.
    """
    x, y = (one > 0 for one in _pair(a, b))
    better, worse = int((x & ~y).sum()), int((~x & y).sum())
    total, fewer = better + worse, min(better, worse)
    if total == 0:
        return McNemar(0, 0, 1.0, "exact")
    exact = min(1.0, 2 * binomial_below(fewer, total))
    if total < EXACT_BELOW:
        return McNemar(better, worse, exact, "exact")
    if better == worse:
        return McNemar(better, worse, 1.0, "mid-p")
    return McNemar(better, worse, binomial_below(fewer, total) + binomial_below(fewer - 1, total), "mid-p")


def holm(p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's (1979) adjusted p values in the order given: those below alpha are significant, together."""
    values = np.asarray(p, dtype=np.float64)
    if ((values < 0) | (values > 1)).any() or np.isnan(values).any():
        raise DataError(f"p values must lie in [0, 1]; got {values[~((values >= 0) & (values <= 1))][0]}")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _smoothed_error(apart: NDArray[np.float64], clusters: ArrayLike | None) -> float:
    """Standard error of a mean paired difference, with one more discordant image on each side (Bonett & Price 2012).

    Four images against none are no significant difference, yet their plain standard error says so; two more of the
    typical size mend that, and are nothing beside many. Images that never differ leave 0.
    """
    plain = standard_error(apart, clusters=clusters)
    differing = apart[apart != 0]
    if not len(differing) or clusters is not None:
        return plain
    return float(np.hypot(0.0 if np.isnan(plain) else plain, np.sqrt(2 * np.mean(differing**2)) / len(apart)))


def _p_value(value: float, error: float, df: int) -> float:
    return (
        float(t_tails(value / error, df)) if error > 0 else 1.0
    )  # nan or 0: one cluster or one replicate tells nothing


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise DataError(f"shapes {x.shape} and {y.shape}: a paired test needs one number per image on both sides")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("a paired test needs finite numbers; leave images without a value out of both sides first")
    return x, y
