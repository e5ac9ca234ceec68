"""Per image, IoU as a step function of the threshold; over images, the share of hits as a function of it.

BoxAcc(tau, delta) = (1/N) sum_i 1[IoU_i(tau) >= delta], with one tau for all images (Choe et al. 2020, sec. 4).
The curve is exact: it is evaluated wherever any image changes, not on a grid of chosen thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import ConfigError, DataError
from wsol.stats.hits import Flips, Hits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEVELS = 255  # distinct thresholds 0..254 of a map that is quantised to uint8 (handbook: protocols 4.1)


@dataclass(frozen=True, slots=True)
class Curves:
    """IoU step curves of n images, stored flat.

    Attributes
    ----------
    breaks, values : (m,) float64; value j holds from break j up to the next break of its image, the last to the end.
    offsets : (n + 1,) int64; image i owns the entries ``offsets[i]:offsets[i + 1]``. Its first break is 0.
    levels : number of integer thresholds, for quantised protocols; None where breaks are floats in [0, 1).
    """

    breaks: NDArray[np.float64]
    values: NDArray[np.float64]
    offsets: NDArray[np.int64]
    levels: int | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.offsets) - 1

    def at(self, x: float) -> NDArray[np.float64]:
        """IoU of every image at threshold `x`, (n,)."""
        if not 0 <= x < (self.levels or 1):
            raise ConfigError(f"threshold {x} lies outside [0, {self.levels or 1}); curves end there")
        reached = np.add.reduceat(self.breaks <= x, self.offsets[:-1], dtype=np.int64) if self.n else self.offsets[:0]
        return self.values[self.offsets[:-1] + reached - 1]

    def tops(self) -> NDArray[np.float64]:
        """(n,) the highest IoU of each image over all thresholds: what a threshold of its own would give it."""
        return np.maximum.reduceat(self.values, self.offsets[:-1]) if self.n else self.values[:0]

    def take(self, images: ArrayLike) -> Curves:
        """The curves of some images (indices or a boolean mask), in the order asked for: a slice of a table."""
        chosen = np.arange(self.n)[np.asarray(images)]
        lengths = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entries = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Curves(self.breaks[entries], self.values[entries], offsets, self.levels)

    def where(self, mask: ArrayLike) -> Curves:
        """The same curves, with IoU 0 for images outside the (n,) `mask`: for the maximum of Top-1 Loc on its own."""
        kept = np.repeat(np.asarray(mask, dtype=bool), np.diff(self.offsets))
        return Curves(self.breaks, np.where(kept, self.values, 0.0), self.offsets, self.levels)

    def hits(self, delta: float, *, ge: bool = True) -> Hits:
        """Where each image is a hit: IoU >= `delta`, or > with ``ge=False`` (tscam2021's Top-k, psol2020)."""
        hit = self.values >= delta if ge else self.values > delta
        before = np.concatenate([[False], hit[:-1]]) if len(hit) else hit
        before[self.offsets[:-1]] = False
        flips = np.flatnonzero(hit != before)
        images = np.repeat(np.arange(self.n, dtype=np.int32), np.diff(self.offsets))[flips]
        signs = np.where(hit[flips], 1, -1).astype(np.int8)
        if self.levels is not None:
            grid, places = np.arange(self.levels, dtype=np.float64), self.breaks[flips].astype(np.int32)
        else:
            grid, inverse = np.unique(np.concatenate([[0.0], self.breaks[flips]]), return_inverse=True)
            places = inverse[1:].astype(np.int32)
        return Hits(self.n, grid, Flips(images, places, signs))

    def accuracy(
        self, delta: float, weights: ArrayLike | None = None, *, ge: bool = True
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(grid, accuracy): the (weighted) share of hits on [grid[j], grid[j + 1]), in [0, 1]."""
        hits = self.hits(delta, ge=ge)
        return hits.grid, hits.accuracy(weights)

    def best(self, delta: float, weights: ArrayLike | None = None, *, ge: bool = True) -> tuple[float, float]:
        """MaxBoxAcc at one delta, in [0, 1], and the first threshold that reaches it."""
        return self.hits(delta, ge=ge).best(weights)


def _check(curves: Curves) -> None:
    b, v, o, levels = curves.breaks, curves.values, curves.offsets, curves.levels
    if len(b) != len(v) or o[0] != 0 or o[-1] != len(b):
        raise DataError(f"{len(b)} breaks, {len(v)} values, offsets up to {o[-1]}: they don't describe the same curves")
    if (np.diff(o) < 1).any():
        raise DataError(f"image {int(np.flatnonzero(np.diff(o) < 1)[0])} has an empty curve; start each at threshold 0")
    owner = np.repeat(np.arange(curves.n), np.diff(o))
    first = np.zeros(len(b), bool)
    first[o[:-1]] = True
    problems = {
        "doesn't start at threshold 0": first & (b != 0),
        "has breaks that don't increase": ~first & ~(np.diff(b, prepend=-np.inf) > 0),
        f"has a break outside [0, {levels or 1})": ~((b >= 0) & (b < (levels or 1))),
        "has a break that is no whole number": (b != np.floor(b)) if levels is not None else np.zeros(len(b), bool),
        "has an IoU outside [0, 1]": ~((v >= 0) & (v <= 1)),
    }
    for problem, where in problems.items():
        if where.any():
            entry = int(np.flatnonzero(where)[0])
            at = f"IoU {v[entry]} from threshold {b[entry]} on"
            raise DataError(f"the curve of image {owner[entry]} {problem} ({at}); write its row again")
