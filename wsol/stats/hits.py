"""Hit or miss of n images as a function of one threshold, as flips: where an image becomes a hit, or ceases to be.

An image flips a few times over 255 thresholds, so flips are a hundredth of the matrix; the (weighted) number of hits at
every threshold is a running sum over them. Where rows hold bits, whole numbers of images are counted by these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, DataError
from wsol.stats.bits import Bits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray
    from scipy.sparse import csr_array

DIGITS = 12  # of a share under weights that are no counts: equal thresholds are equal whatever the order of sums


@dataclass(frozen=True, slots=True)
class Flips:
    """Where images become hits, or cease to be.

    Attributes
    ----------
    images, places, signs : (e,) in any order: which image, at which grid point, +1 to a hit or -1 to a miss.
        Before the first grid point every image is a miss.
    """

    images: NDArray[np.int32]
    places: NDArray[np.int32]
    signs: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Packed:
    """(n, bytes) bits of hits at thresholds 0..width-1, of which the bits from `start` on are, first bit highest."""

    rows: NDArray[np.uint8]
    start: int
    width: int

    def flips(self) -> Flips:
        """Image by image."""
        rows, skip = self.rows, self.start
        # a bit is a flip where it differs from the one before it, which is the last of the byte before for a first one
        flips: NDArray[np.uint8] = rows ^ (rows >> np.uint8(1))
        flips[:, 1:] ^= rows[:, :-1] << np.uint8(7)
        flips[:, 0] &= 0xFF >> skip
        if skip:  # what stands before the first threshold is another delta's
            bit = np.uint8(128 >> skip)
            flips[:, 0] = (flips[:, 0] & ~bit) | (rows[:, 0] & bit)
        flat = flips.ravel()
        at = np.flatnonzero(flat.astype(bool))  # several times as fast as of bytes
        image = (at // rows.shape[1]).astype(np.int32)
        column = (at - image * rows.shape[1]).astype(np.int32)
        bits = np.flatnonzero(np.unpackbits(flat[at]).view(bool))
        which = bits >> 3
        places = 8 * column[which] + (bits & 7).astype(np.int32) - np.int32(skip)
        signs = 2 * np.unpackbits(rows.ravel()[at])[bits].astype(np.int8) - 1
        inside = places < self.width
        return Flips(image[which][inside], places[inside], signs[inside])


class Hits:
    """Hit or miss of n images on a common grid of thresholds.

    Attributes
    ----------
    grid : (g,) thresholds, ascending from 0; nothing changes between two of them.
    flips : of each image.
    bits : the same of each grid point, which serves counts of images; None where only flips were given.
    """

    def __init__(self, n: int, grid: NDArray[np.float64], given: Flips | Packed) -> None:
        self.n, self.grid, self._given = n, grid, given

    @classmethod
    def from_matrix(cls, matrix: NDArray[np.bool_]) -> Hits:
        """Hits of n images at integer thresholds 0..g-1 from an (n, g) matrix."""
        return cls.from_packed(np.packbits(matrix, axis=1), 0, matrix.shape[1])

    @classmethod
    def from_packed(cls, packed: NDArray[np.uint8], start: int, width: int) -> Hits:
        """Hits at thresholds 0..width-1 from the bits `start` to `start + width` of (n, bytes), first bit highest."""
        first, last = start // 8, (start + width + 7) // 8
        rows = np.ascontiguousarray(packed[:, first:last])
        return cls(len(packed), np.arange(width, dtype=np.float64), Packed(rows, start - 8 * first, width))

    @cached_property
    def flips(self) -> Flips:
        return self._given if isinstance(self._given, Flips) else self._given.flips()

    @cached_property
    def bits(self) -> Bits | None:
        given = self._given
        return Bits.of(given.rows, given.start, given.width) if isinstance(given, Packed) else None

    def add(self, weights: NDArray[Any] | None = None) -> NDArray[np.float64]:
        """(g,) number of hits at each grid point, each image counted `weights` times, (n,); once by default."""
        flips = self.flips
        signs = flips.signs if weights is None else flips.signs * weights[flips.images]
        steps = np.bincount(flips.places, signs, minlength=len(self.grid))
        return np.asarray(np.cumsum(steps), np.float64)

    def count(self, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """(g,) number of hits at each grid point, of the images of an (n,) mask; of all by default."""
        return self.add(mask) if self.bits is None else self.bits.counts(mask).astype(np.float64)

    def counts(self, weights: NDArray[Any]) -> NDArray[np.float64]:
        """Weighted number of hits at each grid point: (b, n) rows of weights to (b, g)."""
        return np.stack([self.add(row) for row in weights])

    def accuracy(self, weights: ArrayLike | None = None) -> NDArray[np.float64]:
        """(g,) weighted share of hits at each grid point."""
        w = self._weights(weights)
        share: NDArray[np.float64] = self.add(w) / w.sum()
        return share

    def best(self, weights: ArrayLike | None = None) -> tuple[float, float]:
        """The largest share of hits and the first threshold that reaches it."""
        accuracy = self.accuracy(weights)
        first = int(accuracy.round(DIGITS).argmax())
        return float(accuracy[first]), float(self.grid[first])

    def column(self, index: int) -> NDArray[np.bool_]:
        """(n,) which images are hits at grid point `index`."""
        if self.bits is not None:
            return self.bits.column(index)
        reached = self.flips.places <= index
        return np.bincount(self.flips.images[reached], self.flips.signs[reached], minlength=self.n) > 0

    def ever(self) -> NDArray[np.bool_]:
        """(n,) which images are hits at some threshold: what a threshold of its own would give each."""
        return np.bincount(self.flips.images[self.flips.signs > 0], minlength=self.n) > 0

    def at(self, threshold: float) -> NDArray[np.bool_]:
        """(n,) which images are hits at a threshold."""
        if not self.grid[0] <= threshold:
            raise ConfigError(f"threshold {threshold} lies below {self.grid[0]}, where the grid begins")
        return self.column(int(np.searchsorted(self.grid, threshold, side="right")) - 1)

    def changes(self, grid: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(g,) at which points of an ascending grid hits are not those of the point before; the first is one."""
        places = self.flips.places if self.bits is None else np.flatnonzero(self.bits.changes())
        changes = np.zeros(len(grid) + 1, bool)
        changes[np.searchsorted(grid, self.grid, side="left")[places]] = True
        changes[0] = True
        return changes[: len(grid)]

    def take(self, images: NDArray[np.integer[Any]]) -> Hits:
        """The hits of some images, each once, in the order asked for."""
        flips = self.flips
        place = np.full(self.n, -1, np.int32)
        place[images] = np.arange(len(images), dtype=np.int32)
        kept = place[flips.images] >= 0
        taken = Flips(place[flips.images[kept]], flips.places[kept], flips.signs[kept])
        return Hits(len(images), self.grid, taken)

    def on(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.bool_], Steps]:
        """Hits at (k,) ascending thresholds: (n,) those at the first one, and the flips from each to the next."""
        flips = self.flips
        # the first threshold at or above each grid point is where its flips are seen
        rows = np.searchsorted(thresholds, self.grid, side="left").astype(np.int32)[flips.places]
        base = np.bincount(flips.images[rows == 0], flips.signs[rows == 0], minlength=self.n) > 0
        later = np.flatnonzero((rows > 0) & (rows < len(thresholds)))
        return base, Steps(len(thresholds), self.n, rows[later], flips.images[later], flips.signs[later])

    def counting(
        self, thresholds: NDArray[np.float64], mask: NDArray[np.bool_] | None, kind: DTypeLike, *, first: bool
    ) -> Counting:
        """What each image, or each of an (n,) mask, adds to the number of hits from one of (k,) thresholds to the next.

        The first row is empty or, with `first`, of the images that are hits at the first of the thresholds.
        """
        if self.bits is None:
            base, steps = self.on(thresholds)
            taken = np.ones(self.n, bool) if mask is None else mask
            rest = steps.matrix(taken.astype(np.int8))
            there = np.flatnonzero(base & taken if first else np.zeros(0)).astype(np.int32)
            signs = np.concatenate([np.ones(len(there), np.int8), rest.data])
            images, ends = np.concatenate([there, rest.indices]), rest.indptr + np.int32(len(there))
            ends[0] = 0
        else:
            places = np.searchsorted(self.grid, thresholds, side="right") - 1
            signs, images, ends = self.bits.flips(places, mask, first=first)
        return Counting(signs.astype(kind), images, ends)

    def _weights(self, weights: ArrayLike | None) -> NDArray[np.float64]:
        if self.n == 0:
            raise DataError("there are no images; an accuracy needs at least one")
        w = np.ones(self.n) if weights is None else np.asarray(weights, dtype=np.float64)
        if w.shape != (self.n,):
            raise DataError(f"weights of shape {w.shape} for {self.n} images; give one weight an image")
        if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
            raise DataError("weights must be finite, not negative and not all zero")
        return w


@dataclass(frozen=True, slots=True)
class Counting:
    """A sparse (k, n) matrix of 1 and -1: see `Hits.counting`.

    Attributes
    ----------
    signs, images : (e,) row by row. ends : (k + 1,) where rows begin, with the end.
    """

    signs: NDArray[Any]
    images: NDArray[np.int32]
    ends: NDArray[np.int32]

    def __matmul__(self, weights: NDArray[Any]) -> NDArray[Any]:
        """(k, b) with (n, b) weights of the type of `signs`."""
        from scipy.sparse import csr_array

        shape = len(self.ends) - 1, len(weights)
        return np.asarray(csr_array((self.signs, self.images, self.ends), shape=shape) @ weights)


@dataclass(frozen=True, slots=True)
class Steps:
    """Flips between neighbors of k thresholds, ready to be multiplied by weights.

    Attributes
    ----------
    rows, images, signs : (e,) behind which threshold, of which image, to a hit or to a miss.
    """

    k: int
    n: int
    rows: NDArray[np.int32]
    images: NDArray[np.int32]
    signs: NDArray[np.int8]

    def matrix(self, values: NDArray[Any]) -> csr_array:
        """(k, n): what each image of (n,) `values` adds to the sum over hits from one threshold to the next."""
        from scipy.sparse import csr_array

        taken = np.flatnonzero(values[self.images])
        rows = self.rows[taken]
        taken = taken[np.argsort(rows.astype(np.int16) if self.k < 1 << 15 else rows, kind="stable")]  # by counting
        ends = np.zeros(self.k + 1, np.int32)
        np.cumsum(np.bincount(self.rows[taken], minlength=self.k), out=ends[1:])
        images = self.images[taken]
        return csr_array((self.signs[taken] * values[images], images, ends), shape=(self.k, self.n))
