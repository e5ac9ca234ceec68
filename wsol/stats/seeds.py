"""Stochastic methods (RISE, SmoothGrad, random controls): what other seeds change, beside what other images change.

Two different doubts, never added up: the interval says how far the mean over seeds would move with other images, the
spread says how far one seed's number lies from the next (handbook: field 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wsol.errors import DataError
from wsol.stats.draws import Draws, average
from wsol.stats.intervals import LEVEL


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """A stochastic method's number over several seeds.

    Attributes
    ----------
    value, low, high : mean over seeds and its interval over images, as for any other row.
    std : standard deviation of single seeds' values (n - 1); nan for one seed.
    per_seed : the values themselves.
    """

    value: float
    low: float
    high: float
    n: int
    std: float
    per_seed: tuple[float, ...]
    level: float = LEVEL

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.per_seed)


def seed_spread(draws: Sequence[Draws], *, level: float = LEVEL) -> SeedSpread:
    """Spread over seeds and interval over images, from one run's draws per seed on the same images and resamples."""
    if not draws:
        raise DataError("there are no seeds; give the draws of at least one")
    whole = average(draws).estimate(level=level)
    values = tuple(one.value for one in draws)
    std = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return SeedSpread(whole.value, whole.low, whole.high, whole.n, std, values, level)
