"""Step functions of the threshold for many maps, stored flat, as rows keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsol.localization.on_grid import Starts, step_values


@dataclass(frozen=True, slots=True)
class Steps:
    """Right-continuous step functions of n maps on [0, 1): a value holds from its break up to the next one.

    Attributes
    ----------
    breaks : (m,) float64, within each map strictly ascending from 0.
    values : (m,) numbers, or (m, 4) boxes; neighbors of one map differ.
    offsets : (n + 1,) int32; map i owns the entries ``offsets[i]:offsets[i + 1]``.
    """

    breaks: NDArray[np.float64]
    values: NDArray[Any]
    offsets: NDArray[np.int32]

    @property
    def n(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def of(cls, table: NDArray[Any], starts: Starts, points: NDArray[np.float64]) -> Steps:
        """Of a table (n, levels) of numbers or (n, levels, 4) of boxes, on a grid of ascending thresholds (p,).

        Parameters
        ----------
        starts : (n, p), the level that each threshold stands for.
        """
        breaks, values, offsets = step_values(table if table.ndim == 3 else table[..., None], starts, points)
        return cls(breaks, values if table.ndim == 3 else values[:, 0], offsets)

    @classmethod
    def joined(cls, parts: Sequence[Steps]) -> Steps:
        """The functions of all parts, one after the other."""
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        breaks, values = (np.concatenate([getattr(part, name) for part in parts]) for name in ("breaks", "values"))
        return cls(breaks, values, offsets)

    def take(self, order: ArrayLike) -> Steps:
        """The functions of some maps, in the order given."""
        chosen = np.asarray(order)
        lengths = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        entries = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Steps(self.breaks[entries], self.values[entries], offsets)

    def at(self, taus: ArrayLike) -> NDArray[Any]:
        """Values at thresholds (t,), as (n, t) or (n, t, 4)."""
        points = np.atleast_1d(np.asarray(taus, np.float64))
        places = [
            start + np.searchsorted(self.breaks[start:stop], points, side="right") - 1
            for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True)
        ]
        return self.values[np.array(places, np.int64).reshape(self.n, len(points))]
