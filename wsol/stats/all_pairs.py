"""The p values of all pairs of a table's column, in arrays: a column of 50 variants has 1225 of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from wsol.stats.paired import p_value
from wsol.stats.skewed import GAPS, are_skewed, zero_mean_p_values
from wsol.stats.tails import t_tails

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.stats.draws import Draws

    Places = NDArray[np.int64]

CELLS = 1 << 18  # numbers in one block of pairs: 2 MB of float64, which a processor's cache holds


def p_values(draws: Sequence[Draws]) -> list[float]:
    """The p values of `wsol.stats.paired.difference` of all pairs, in the order of `itertools.combinations`.

    Means and shares at chosen thresholds are tested in arrays, a block of pairs at a time; all others pair by pair.
    """
    pairs = np.array(list(combinations(range(len(draws)), 2)), np.int64).reshape(-1, 2)
    found = np.full(len(pairs), np.nan)
    able = [n for n, one in enumerate(draws) if _by_student(one)]
    able = [n for n in able if _alike(draws[n], draws[able[0]])]
    if len(able) > 1:
        column = _Column.of([draws[n] for n in able])
        rows = np.flatnonzero(np.isin(pairs, able).all(1))
        size = max(1, CELLS // max(draws[able[0]].n, GAPS))
        for block in np.split(rows, range(size, len(rows), size)):
            found[block] = column.p_values(*np.searchsorted(able, pairs[block].T))
    for n in np.flatnonzero(np.isnan(found)):
        a, b = pairs[n]
        found[n] = p_value(draws[a], draws[b])
    return [float(p) for p in found]


def _by_student(one: Draws) -> bool:
    """Whether its differences have Student's test: a mean over independent images, and not of plain bits."""
    single = one.influence is not None and one.clusters is None and one.hits is None
    return single and one.units > 1 and one.resamples.n_resamples > 1


def _alike(one: Draws, other: Draws) -> bool:
    return one.part is other.part and one.resamples.same_as(other.resamples)


@dataclass(frozen=True, slots=True)
class _Column:
    """v statistics of the same n images and b resamples.

    Attributes
    ----------
    value : (v,); influence : (v, n); replicates : (v, b).
    chosen, mean : (v,) whether a threshold was chosen, and whether it is a mean of numbers that are no bits.
    reach : (v,) how far two numbers may lie apart; NaN without bounds. least : (v,) the lower bound.
    """

    value: NDArray[np.float64]
    influence: NDArray[np.float64]
    replicates: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    mean: NDArray[np.bool_]
    least: NDArray[np.float64]
    reach: NDArray[np.float64]

    @classmethod
    def of(cls, draws: Sequence[Draws]) -> _Column:
        ends = np.array([one.bounds or (np.nan, np.nan) for one in draws])
        return cls(
            value=np.array([one.value for one in draws]),
            influence=np.stack([one.influence for one in draws if one.influence is not None]),
            replicates=np.stack([one.replicates for one in draws]),
            chosen=np.array([one.contact is not None for one in draws]),
            mean=np.array([one.plain for one in draws]),
            least=ends[:, 0],
            reach=ends[:, 1] - ends[:, 0],
        )

    def p_values(self, a: Places, b: Places) -> NDArray[np.float64]:
        """(m,) of the pairs of (m,) places; NaN where too few images differ for Student's test, without bounds."""
        n, value = self.influence.shape[1], self.value[a] - self.value[b]
        again, apart = self.replicates[a] - self.replicates[b], self.influence[a] - self.influence[b]
        mean = again.mean(1)
        spread = np.sqrt(np.square(again - mean[:, None]).sum(1) / (again.shape[1] - 1))
        plain = np.sqrt(np.square(apart - apart.mean(1, keepdims=True)).sum(1) / n / (n - 1))
        differing = (apart != 0).sum(1)
        smooth = np.sqrt(2 * np.square(apart).sum(1) / np.maximum(differing, 1)) / n
        error = np.maximum(spread, np.where(differing > 0, np.hypot(plain, smooth), plain))
        known = error > 0
        centre = np.where((self.chosen[a] | self.chosen[b]) & known, 2 * value - mean, value)
        p = np.where(known, t_tails(centre / np.where(known, error, 1), n - 1), 1.0)
        means = np.flatnonzero(self.mean[a] & self.mean[b] & (differing > 0))
        few = means[are_skewed(apart[means])]
        a, b = a[few], b[few]
        bounded = (self.least[a] == self.least[b]) & (self.reach[a] == self.reach[b])  # NaN equals nothing
        p[few] = np.nan
        p[few[bounded]] = zero_mean_p_values(apart[few[bounded]], self.reach[a[bounded]])
        return p
