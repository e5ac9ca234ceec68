"""Which rows of a table can't be told apart: shared ranks and the group tied with the best.

The best row is picked by looking, so testing it against the others alone finds too many winners among equals: all pairs
are tested and Holm's correction counts all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from wsol.errors import ConfigError
from wsol.stats.all_pairs import p_values
from wsol.stats.paired import holm

if TYPE_CHECKING:
    from wsol.stats.draws import Draws

ALPHA = 0.05  # family-wise error of a table's ranks


@dataclass(frozen=True, slots=True)
class Standing:
    """A row's place in its table.

    Attributes
    ----------
    rank : 1 + number of rows that are significantly better; equal ranks are ties.
    tied_with_best : not significantly worse than the row with the best value (which is tied with itself).
    p : of the difference to that row, Holm-adjusted over all pairs; 1 for the row itself.
    """

    rank: int
    tied_with_best: bool
    p: float


def standings(
    draws: Mapping[str, Draws], *, alpha: float = ALPHA, higher_is_better: bool = True
) -> dict[str, Standing]:
    """The standing of each variant, from paired differences of all pairs on the same images and resamples."""
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha={alpha}: a significance level lies between 0 and 1; {ALPHA} is the default")
    if not draws:
        return {}
    sign = 1 if higher_is_better else -1
    pairs = list(combinations(draws, 2))
    found = holm(p_values(list(draws.values())))
    adjusted = {pair: float(p) for pair, p in zip(pairs, found, strict=True)}
    beaten_by = dict.fromkeys(draws, 0)
    for (a, b), p in adjusted.items():
        if p < alpha:
            beaten_by[b if sign * (draws[a].value - draws[b].value) > 0 else a] += 1
    best = max(draws, key=lambda name: sign * draws[name].value)
    to_best = {name: adjusted.get((name, best), adjusted.get((best, name), 1.0)) for name in draws}
    return {name: Standing(1 + beaten_by[name], to_best[name] >= alpha, to_best[name]) for name in draws}
