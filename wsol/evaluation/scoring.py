"""What is found in raw maps: boxes at every threshold, and what a row says of the map itself. Loads no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from wsol.localization.best_of import localize_best
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap, Localizations
from wsol.maps.source import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols import Protocol as BoxProtocol

Drawn = Sequence[Sequence[ImageMap]]  # for each (variant, image) pair its map, or all of a ceiling's


@dataclass(frozen=True, slots=True)
class Scored:
    """Of n (variant, image) pairs, in their order.

    Attributes
    ----------
    localizations : by protocol name.
    digests : of the raw maps.
    finite : whether a map holds no NaN and nothing infinite. filled : whether it is not zero everywhere.
    """

    localizations: Mapping[str, Localizations]
    digests: Sequence[str]
    finite: Sequence[bool]
    filled: Sequence[bool]

    def take(self, order: NDArray[np.integer[Any]]) -> Scored:
        """Those of some pairs, in the order given."""
        found = {name: localized.take(order) for name, localized in self.localizations.items()}
        return Scored(found, *([values[n] for n in order] for values in (self.digests, self.finite, self.filled)))

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> Scored:
        """Those of all parts, one after the other; all are of the same protocols."""
        names = parts[0].localizations
        return cls(
            {name: Localizations.joined([part.localizations[name] for part in parts]) for name in names},
            [one for part in parts for one in part.digests],
            [one for part in parts for one in part.finite],
            [one for part in parts for one in part.filled],
        )


class Scorer(Protocol):
    """`score`, here or in another process."""

    def __call__(self, drawn: Drawn, ceilings: Collection[int], protocols: Sequence[BoxProtocol]) -> Scored: ...


def score(drawn: Drawn, ceilings: Collection[int], protocols: Sequence[BoxProtocol]) -> Scored:
    """Score the maps of some pairs.

    Parameters
    ----------
    ceilings : the places of pairs of which the best of several maps counts.
    """
    items = [several[0] for several in drawn]
    return Scored(
        _localized(drawn, ceilings, protocols),
        [digest(item.raw) for item in items],
        [item.finite for item in items],
        [item.full or bool(item.raw.any()) for item in items],
    )


def _localized(drawn: Drawn, ceilings: Collection[int], protocols: Sequence[BoxProtocol]) -> dict[str, Localizations]:
    best = [n for n in range(len(drawn)) if n in ceilings]
    others = [n for n in range(len(drawn)) if n not in ceilings]
    parts = [localize([drawn[n][0] for n in others], protocols)] if others else []
    parts += [localize_best([drawn[n] for n in best], protocols)] if best else []
    if len(parts) < 2:
        return parts[0]
    order = np.argsort([*others, *best], kind="stable")
    return {p.name: Localizations.joined([part[p.name] for part in parts]).take(order) for p in protocols}
