"""The interval of a winner: of the best of several candidates, named on the images that it was the best on.

The best of K noisy numbers is too high, and its plain interval covers too rarely: with equal methods and n = 200 in
97 / 91 / 81 / 72 / 62 % of samples for K = 2 / 5 / 10 / 20 / 50. Bootstraps that select again in each replicate take
the bias away where candidates are equal, and too much of it where they are not (measured: 78-96 % for K up to 100).

This is the hybrid interval of Andrews, Kitagawa & McCloskey (2024, Inference on Winners, QJE 139), which covers in 95
to 95.5 % whatever the candidates are. Let Y be the winner's number, normal with mean mu and error s, and c_j the slope
of candidate j's number on it, their covariance over s^2. Z_j = X_j - c_j Y doesn't depend on Y, and the winner wins
where Y >= Z_j + c_j Y for all j: for c_j < 1, above V = max_j Z_j / (1 - c_j). Given that, Y is a normal number cut off
below V, whatever the other means are; the interval holds the mu under which Y isn't in either tail of it. Close ties
would make it very long; so mu must also lie in the interval that holds for all candidates at once, at the level 1 - B,
and the tails are those of the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import ConfigError
from wsol.stats.intervals import LEVEL, Estimate, effective_n, wilson
from wsol.stats.tails import normal_quantile, quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.stats.draws import Draws

    Floats = NDArray[np.float64]

B = 0.005  # a tenth of 5 %, as Andrews et al. have it
STEPS = 60  # halvings of an interval: to the last bit


@dataclass(frozen=True, slots=True)
class Winner:
    """The best of several.

    Attributes
    ----------
    estimate : its value, and the interval that allows for its having been selected; the value may lie outside.
    unbiased : the number that is as often too high as too low, a median.
    candidates : of how many it is the best.
    """

    estimate: Estimate
    unbiased: float
    candidates: int


def winner(
    best: Draws, others: Sequence[Draws], *, higher_is_better: bool = True, level: float = LEVEL
) -> Winner | None:
    """The winner's number with an interval that allows for its having been selected.

    Parameters
    ----------
    best, others : statistics of the same images and resamples; none of `others` is better.

    Returns
    -------
    None where there is nobody else, or an error is not known. Ends of shares keep Wilson's shape, and what they allow
    for a threshold that was chosen too (see `wsol.stats.draws`).
    """
    sign = 1 if higher_is_better else -1
    if not all(one.resamples.same_as(best.resamples) for one in others):
        raise ConfigError("a winner is one of the same images and resamples; use one seed for all")
    if any(sign * (one.value - best.value) > 0 for one in others):
        raise ConfigError("the winner must have the best value of all candidates")
    error = best.error
    if not others or not (error > 0 and math.isfinite(error)):
        return None
    values = sign * np.array([best.value, *(one.value for one in others)])
    replicates = sign * _replicates([best, *others])
    if not np.isfinite(replicates).all():
        return None
    spread = replicates.std(1, ddof=1)
    if not spread[0] > 0:
        return None
    # errors as the intervals have them, correlations from the replicates
    slope = np.cov(replicates)[0, 1:] / spread[0] ** 2
    all_at_once = _all_at_once(replicates, spread)
    below, above = _truncation(values, slope, 0.5 / best.n if best.bounded else 0.0)
    low, middle, high = (sign * end for end in hybrid(float(values[0]), error, below, above, all_at_once, level=level))
    estimate = _shaped(best, min(low, high), max(low, high), level=level)
    _, bias = best.optimism(level=level)
    return Winner(estimate, middle - bias, len(values))


def hybrid(
    y: float, error: float, below: float, above: float, all_at_once: float, *, level: float = LEVEL
) -> tuple[float, float, float]:
    """Interval of mu, given that y in [below, above] was normal with mean mu and `error` before it was selected.

    Its lower end, the mu under which y is as often exceeded as not, and its upper end.

    Parameters
    ----------
    all_at_once : how many errors the interval reaches that holds for all candidates at the level 1 - B.
    """
    alpha = (1 - level - B) / (1 - B)

    def share_below(mu: float) -> float:
        """How much of the cut-off distribution lies below y; falls with mu."""
        start = max((below - mu) / error, -all_at_once)
        end = min((above - mu) / error, all_at_once)
        at = (y - mu) / error
        if at <= start or at >= end:
            return 0.0 if at <= start else 1.0
        return _between(start, at) / (_between(start, at) + _between(at, end))

    reach = all_at_once * error
    low, middle, high = (_where(share_below, share, y - reach, y + reach) for share in (1 - alpha / 2, 0.5, alpha / 2))
    return low, middle, high


def _replicates(draws: Sequence[Draws]) -> Floats:
    """(k, b), in one product where all are means."""
    influences = [one.influence for one in draws if one.again is None and one.influence is not None]
    if len(influences) == len(draws):
        return draws[0].resamples.means(np.stack(influences, 1)).T
    return np.stack([one.replicates for one in draws])


def _truncation(values: Floats, slope: Floats, half_step: float) -> tuple[float, float]:
    """Between which numbers the first of `values` had to lie to be the best.

    Z_j / (1 - c_j) is Y - (Y - X_j) / (1 - c_j). Shares of n images are multiples of 1 / n; half of that is the usual
    correction, without which ties have no interval.
    """
    lead, room = values[0] - values[1:] + half_step, 1 - slope
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = values[0] - lead / room
    return float(np.max(ends[room > 0], initial=-np.inf)), float(np.min(ends[room < 0], initial=np.inf))


def _all_at_once(replicates: Floats, spread: Floats) -> float:
    """How many errors the interval reaches that holds for all candidates at once."""
    varying = spread > 0
    apart = np.abs(replicates[varying] - replicates[varying].mean(1, keepdims=True)) / spread[varying, None]
    return max(quantile(apart.max(0), 1 - B), normal_quantile(1 - B))


def _between(a: float, b: float) -> float:
    """How much of the normal distribution lies between, precise in both tails."""
    if a > 0:
        a, b = -b, -a
    return max(0.0, 0.5 * (math.erfc(-b / math.sqrt(2)) - math.erfc(-a / math.sqrt(2))))


def _where(falling: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a falling function reaches a target."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > target else (low, middle)
    return (low + high) / 2


def _shaped(best: Draws, low: float, high: float, *, level: float) -> Estimate:
    """The ends in the shape of the plain interval, moved by as much as they differ from value +- z errors."""
    plain, half = best.estimate(level=level), normal_quantile(level) * best.error
    down, up = best.value - half - low, high - best.value - half
    if not best.bounded:
        return Estimate(best.value, plain.low - down, plain.high + up, best.n, level)
    curse, bias = best.optimism(level=level)
    effective = effective_n(best.value, best.error, best.n)
    start, _ = wilson((best.value - curse - down) * effective, effective, level=level)
    _, end = wilson((best.value - bias + up) * effective, effective, level=level)
    return Estimate(best.value, min(start, best.value), end, best.n, level)
