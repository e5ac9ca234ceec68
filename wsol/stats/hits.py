"""Hit or miss of n images as a function of one threshold, kept as flips: where an image becomes a hit, or ceases to be.

An image flips a few times over 255 thresholds, so flips are a hundredth of the matrix; the (weighted) number of hits at
every threshold is a running sum over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

DIGITS = 12  # of a share under weights that are no counts: equal thresholds are equal whatever the order of sums


@dataclass(frozen=True, slots=True)
class Hits:
    """Hit or miss of n images on a common grid of thresholds.

    Attributes
    ----------
    grid : (g,) thresholds, ascending from 0; nothing changes between two of them.
    images, places, signs : (e,) flips in any order: which image, at which grid point, +1 to a hit or -1 to a miss.
        Before the first grid point every image is a miss.
    """

    n: int
    grid: NDArray[np.float64]
    images: NDArray[np.int32]
    places: NDArray[np.int32]
    signs: NDArray[np.int8]

    @classmethod
    def from_matrix(cls, matrix: NDArray[np.bool_]) -> Hits:
        """Hits of n images at integer thresholds 0..g-1 from an (n, g) matrix."""
        return cls.from_packed(np.packbits(matrix, axis=1), 0, matrix.shape[1])

    @classmethod
    def from_packed(cls, packed: NDArray[np.uint8], start: int, width: int) -> Hits:
        """Hits at thresholds 0..width-1 from the bits `start` to `start + width` of (n, bytes), first bit highest."""
        first, last = start // 8, (start + width + 7) // 8
        rows = np.ascontiguousarray(packed[:, first:last])
        skip = start - 8 * first
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
        inside = places < width
        return cls(len(packed), np.arange(width, dtype=np.float64), image[which][inside], places[inside], signs[inside])

    def add(self, weights: NDArray[Any] | None = None) -> NDArray[np.float64]:
        """(g,) number of hits at each grid point, each image counted `weights` times, (n,); once by default."""
        signs = self.signs if weights is None else self.signs * weights[self.images]
        steps = np.bincount(self.places, signs, minlength=len(self.grid))
        return np.asarray(np.cumsum(steps), np.float64)

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
        reached = self.places <= index
        return np.bincount(self.images[reached], self.signs[reached], minlength=self.n) > 0

    def ever(self) -> NDArray[np.bool_]:
        """(n,) which images are hits at some threshold: what a threshold of its own would give each."""
        return np.bincount(self.images[self.signs > 0], minlength=self.n) > 0

    def at(self, threshold: float) -> NDArray[np.bool_]:
        """(n,) which images are hits at a threshold."""
        if not self.grid[0] <= threshold:
            raise ConfigError(f"threshold {threshold} lies below {self.grid[0]}, where the grid begins")
        return self.column(int(np.searchsorted(self.grid, threshold, side="right")) - 1)

    def changes(self, grid: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(g,) at which points of an ascending grid hits are not those of the point before; the first is one."""
        changes = np.zeros(len(grid) + 1, bool)
        changes[np.searchsorted(grid, self.grid, side="left")[self.places]] = True
        changes[0] = True
        return changes[: len(grid)]

    def take(self, images: NDArray[np.integer[Any]]) -> Hits:
        """The hits of some images, each once, in the order asked for."""
        place = np.full(self.n, -1, np.int32)
        place[images] = np.arange(len(images), dtype=np.int32)
        kept = place[self.images] >= 0
        return Hits(len(images), self.grid, place[self.images[kept]], self.places[kept], self.signs[kept])

    def on(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.bool_], Steps]:
        """Hits at (k,) ascending thresholds: (n,) those at the first one, and the flips from each to the next."""
        # the first threshold at or above each grid point is where its flips are seen
        rows = np.searchsorted(thresholds, self.grid, side="left").astype(np.int32)[self.places]
        base = np.bincount(self.images[rows == 0], self.signs[rows == 0], minlength=self.n) > 0
        later = np.flatnonzero((rows > 0) & (rows < len(thresholds)))
        return base, Steps(len(thresholds), self.n, rows[later], self.images[later], self.signs[later])

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
