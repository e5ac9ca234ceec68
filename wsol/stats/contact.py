"""Which thresholds can't be told from the best one on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.stats.averages import Average, Floats
    from wsol.stats.hits import Hits
    from wsol.stats.resamples import Resamples

# A threshold can't be told from the best one unless it is worse at the one-sided 10 % level, paired. 1.0 to 1.645 all
# cover 94-98 % on real curves; this is the middle (measured, see wsol.stats.draws).
CONTACT_Z = 1.28
CELLS = 1 << 24  # numbers of clusters and thresholds at a time


def contact_set(
    hits: Hits, column: NDArray[np.bool_], both: Floats, share: Floats, resamples: Resamples, choosing: Average
) -> NDArray[np.int64]:
    """Grid points whose share of hits can't be told from the best one's, `column`: paired z at most CONTACT_Z.

    `both` are the images that are hits at each and at the best.
    """
    gap = share.max() - share
    if choosing.codes is not None:
        squares = choosing.once**2
        shared = hits.add(squares * column)
        variance = hits.add(squares) + squares @ column - 2 * shared - gap**2 / hits.n
    elif resamples.clusters is None:
        # of the difference of two bits of one image
        variance = (share + share.max() - 2 * both / hits.n - gap**2) / hits.n
    else:
        variance = _clustered_variance(hits, column, gap, resamples.clusters)
    return np.flatnonzero(gap <= CONTACT_Z * np.sqrt(np.maximum(variance, 0)) + 1e-12)


def _clustered_variance(
    hits: Hits, column: NDArray[np.bool_], gap: NDArray[np.float64], clusters: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Variance of the difference of shares between each grid point and the best one, from sums over clusters."""
    sizes, best, width = np.bincount(clusters), np.bincount(clusters, column), len(gap)
    owner, squares = clusters[hits.flips.images], np.zeros(width)
    for part in np.array_split(np.arange(len(sizes)), 1 + len(sizes) * width // CELLS):
        own = (owner >= part[0]) & (owner <= part[-1])
        at = (owner[own] - part[0]) * width + hits.flips.places[own]
        steps = np.bincount(at, hits.flips.signs[own], minlength=len(part) * width).reshape(len(part), width)
        sums = best[part, None] - np.cumsum(steps, axis=1)
        squares += ((sums - sizes[part, None] * gap) ** 2).sum(0)
    variance: NDArray[np.float64] = squares * len(sizes) / max(len(sizes) - 1, 1) / hits.n**2
    return variance
