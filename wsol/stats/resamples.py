"""Which images each bootstrap replicate holds: the same for every variant of a run, so that differences are paired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

CACHED_CELLS = 1 << 26  # keep counts up to 64 MB (50,000 images x 1000 resamples fit); redraw larger ones
SMALL_CELLS = 1 << 22  # of up to 4 MB, several: metrics are measured on samples of the images, variants on several
BLOCK_CELLS = 1 << 23  # numbers in one block of `columns`: 32 MB of float32


@dataclass(frozen=True, slots=True)
class Resamples:
    """n images drawn with replacement, `n_resamples` times, from a seed.

    Replicate r depends on (seed, r) and the number of images only, so chunks, order and machine don't change it.
    Image i must be the same image in every variant: sort rows by image id first.

    Attributes
    ----------
    clusters : (n,) codes 0..c-1, or None. With clusters whole groups (classes) are drawn, since images of one class
        succeed or fail together (Miller 2024, Adding Error Bars to Evals, sec. 2.2).
    """

    n: int
    n_resamples: int = 1000
    seed: int = 0
    clusters: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.n < 1:
            raise DataError("there are no images to resample; an interval needs at least one")
        if self.n_resamples < 1:
            raise ConfigError(f"n_resamples={self.n_resamples}: give at least 1; 1000 is the default")

    @classmethod
    def of(cls, labels: ArrayLike, *, n_resamples: int = 1000, seed: int = 0) -> Resamples:
        """Resamples of whole clusters: `labels` (n,) names the cluster (the class) of each image."""
        _, codes = np.unique(np.asarray(labels), return_inverse=True)
        return cls(len(codes), n_resamples, seed, codes.astype(np.int64))

    @property
    def units(self) -> int:
        """How many independent things are drawn: images, or clusters."""
        return self.n if self.clusters is None else int(self.clusters.max()) + 1

    def blocks(self, rows: int) -> Iterator[NDArray[np.float32]]:
        """All weight vectors, (b, n) float32 with b <= `rows` at a time: how often each image is in each replicate."""
        for start in range(0, self.n_resamples, rows):
            counts = self._units(start, min(start + rows, self.n_resamples))
            if self.clusters is not None:
                counts = counts[:, self.clusters]
            yield counts.astype(np.float32)

    def columns(self, kind: DTypeLike = np.float32) -> Iterator[NDArray[Any]]:
        """The same as (n, b) of some type: images down, so that what one image adds to all replicates lies together."""
        rows = max(16, min(1024, BLOCK_CELLS // self.n))
        for start in range(0, self.n_resamples, rows):
            counts = self._units(start, min(start + rows, self.n_resamples)).T
            if self.clusters is not None:
                counts = counts[self.clusters]
            yield counts.astype(kind, order="C")

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(b,) means of (n,) numbers over the images of each replicate; (b, k) of (n, k)."""
        rows = max(1, min(256, BLOCK_CELLS // 2 // self.n))
        drawn = (block.astype(np.float64) for block in self.blocks(rows))
        return np.concatenate([(block @ values).T / block.sum(1) for block in drawn], axis=-1).T

    def _units(self, start: int, stop: int) -> NDArray[np.uint8]:
        """How often each unit is in some replicates."""
        cells = self.units * self.n_resamples
        if cells > CACHED_CELLS:
            return _counts(self.units, self.seed, start, stop)
        kept = _small_counts if cells <= SMALL_CELLS else _all_counts
        return kept(self.units, self.n_resamples, self.seed)[start:stop]

    def same_as(self, other: Resamples) -> bool:
        """Whether replicate r holds the same images in both."""
        if (self.n, self.n_resamples, self.seed) != (other.n, other.n_resamples, other.seed):
            return False
        if self.clusters is None or other.clusters is None:
            return self.clusters is other.clusters
        return bool(np.array_equal(self.clusters, other.clusters))


@lru_cache(maxsize=2)
def _all_counts(size: int, n_resamples: int, seed: int) -> NDArray[np.uint8]:
    return _counts(size, seed, 0, n_resamples)


@lru_cache(maxsize=16)
def _small_counts(size: int, n_resamples: int, seed: int) -> NDArray[np.uint8]:
    return _counts(size, seed, 0, n_resamples)


def _counts(size: int, seed: int, start: int, stop: int) -> NDArray[np.uint8]:
    # uint8 is enough: a count is Poisson(1)-like, and 256 of one unit has a probability below 1e-500
    counts = np.empty((stop - start, size), np.uint8)
    for row, replicate in enumerate(range(start, stop)):
        generator = np.random.Generator(np.random.PCG64(_entropy(seed, replicate)))
        draw = generator.integers(0, size, size, dtype=np.int32)
        counts[row] = np.bincount(draw.astype(np.int64), minlength=size)  # 64 bits is what it counts fastest
    return counts


def _entropy(seed: int, replicate: int) -> NDArray[np.uint32] | list[int]:
    """Both as 32-bit words where they fit: NumPy takes a list apart, which takes as long as the draw of 500 images."""
    return np.array([seed, replicate], np.uint32) if seed < 1 << 32 else [seed, replicate]
