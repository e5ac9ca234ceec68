"""The mean of the maps of all other images: what a network's maps show whatever image they are of.

Whole numbers of 2**-40 are added, not floats: then the sum is the same in any order, and one image's own map can be
taken out of it without a trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.resize import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Shape = tuple[int, int]

STEPS = 2**40  # of a normalized map's range of 1: sums of 4 million maps fit into 63 bits


@dataclass(frozen=True, slots=True)
class SumOfMaps:
    """The normalized maps of n images, added up.

    Attributes
    ----------
    grid : (h, w) that all maps are brought to. total : (crops, h, w), in steps. count : n, of images that have a map.
    """

    grid: Shape
    total: NDArray[np.int64]
    count: int

    def without(self, own: Sequence[NDArray[Any]]) -> NDArray[np.float64] | None:
        """(crops, h, w) in [0, 1]: the mean over all images but one; None where there is no other one.

        Parameters
        ----------
        own : the raw maps (h, w) of that image's crops; they are in the sum unless they have NaN or infinite values.
        """
        mine = in_steps(own, self.grid)
        others = self.count - (mine is not None)
        if not others:
            return None
        return (self.total if mine is None else self.total - mine) / (others * STEPS)


def sum_of(maps: Iterable[Sequence[NDArray[Any]]], grid: Shape) -> SumOfMaps | None:
    """The sum over images, each given by the raw maps (h, w) of its crops; None where no image has a map.

    Maps with NaN or infinite values are left out.
    """
    total, count = None, 0
    for crops in maps:
        steps = in_steps(crops, grid)
        if steps is not None:
            total = steps if total is None else total + steps
            count += 1
    return None if total is None else SumOfMaps(grid, total, count)


def in_steps(crops: Sequence[NDArray[Any]], grid: Shape) -> NDArray[np.int64] | None:
    """One image's raw maps on a grid, normalized to [0, 1] over all its crops, in steps; a flat map is zeros.

    Returns
    -------
    (crops, h, w), or None for maps with NaN or infinite values.
    """
    if not all(np.isfinite(crop).all() for crop in crops):
        return None
    height, width = grid
    same = [
        np.asarray(c, np.float64) if c.shape == grid else resize(c, (width, height), rule="bilinear") for c in crops
    ]
    values = np.stack(same)
    low, high = values.min(), values.max()
    if low == high:
        return np.zeros(values.shape, np.int64)
    steps: NDArray[np.int64] = np.rint((values - low) / (high - low) * STEPS).astype(np.int64)
    return steps


def common_grid(shapes: Iterable[Shape]) -> Shape:
    """(h, w) of most maps; of several the largest, of equally large ones the highest."""
    counts = Counter(shapes)
    return max(counts, key=lambda shape: (counts[shape], shape[0] * shape[1], shape[0]))
