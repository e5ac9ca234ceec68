"""Shares of hits under resampling weights: over images, over drawn classes, over classes of drawn images.

With w_i how often a replicate drew image i, h_i(t) its hit at threshold t and v_i what it counts in the sample:

* images: sum_i w_i v_i h_i(t) / sum_i w_i v_i, with v_i 1 in the part that is counted and 0 outside;
* classes, drawn whole: the same with v_i = 1 / (classes * images of the class);
* classes whose images are drawn: sum_i w_i v_i (h_i(t) - m_k(t)) + mean of m_k(t), with m_k the share of class k, so
  that which images a class drew moves its mean, and how many it drew moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.stats.hits import DIGITS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from wsol.stats.hits import Hits
    from wsol.stats.resamples import Resamples

    Floats = NDArray[np.floating[Any]]


def class_weights(labels: ArrayLike) -> NDArray[np.float64]:
    """(n,) weights of images, with sum 1, under which every class counts alike."""
    _, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / (len(counts) * counts[codes])
    return weights


@dataclass(frozen=True, slots=True)
class Average:
    """What each image counts in the mean over some images, or over their classes.

    Attributes
    ----------
    values : (n,) as above; zero outside the part.
    codes : (n,) classes 0..c-1 of the images, for means over classes; None for means over images.
    whole : whether classes are drawn, not images of each class.
    """

    values: Floats
    codes: NDArray[np.int64] | None = None
    whole: bool = True

    @classmethod
    def of(cls, labels: ArrayLike | None, keep: NDArray[np.bool_], resamples: Resamples) -> Average:
        """Over the images to `keep`, or with `labels` over the classes of these."""
        if labels is None:
            return cls(keep.astype(np.float32))
        _, codes = np.unique(np.asarray(labels), return_inverse=True)
        values = np.zeros(len(keep))
        values[keep] = class_weights(codes[keep])
        return cls(values, codes.astype(np.int64), resamples.clusters is not None)

    @property
    def once(self) -> NDArray[np.float64]:
        """(n,) `values` with sum 1."""
        values = self.values.astype(np.float64)
        return values / values.sum() if self.codes is None else values

    def shares(self, hits: Hits, bits: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """(g,) shares of the sample's hits that are in `bits` too."""
        counts = hits.add(self.values if bits is None else self.values * bits)
        return counts / self.values.sum(dtype=np.float64) if self.codes is None else counts.round(DIGITS)

    def influence(self, scores: NDArray[np.float64], keep: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(m,) what each image of the part adds to the mean of their (m,) scores; its mean is that mean."""
        if self.codes is None:
            return scores
        once, codes = self.values[keep].astype(np.float64), self.codes[keep]
        value = float(once @ scores)
        means = np.bincount(codes, once * scores) / np.maximum(np.bincount(codes, once), 1e-300)
        influence: NDArray[np.float64] = value + len(scores) * once * (scores - (value if self.whole else means[codes]))
        return influence


class Line:
    """Shares of hits at k thresholds, under one block of weights after the other.

    Attributes
    ----------
    base : (n,) what each image adds at the first threshold; steps (k, n): what it adds more from each to the next.
    sample : (k,) the sample's shares, which replicates without any image of the part have too.
    """

    def __init__(
        self, hits: Hits, thresholds: NDArray[np.float64], average: Average, bits: NDArray[np.bool_] | None = None
    ) -> None:
        self.average = average
        values = average.values if bits is None else average.values * bits
        at_first, steps = hits.on(thresholds)
        self.base: Floats = values * at_first
        self.steps: csr_array = steps.matrix(values)
        places = np.searchsorted(hits.grid, thresholds, side="right") - 1
        self.sample = average.shares(hits, bits)[places]
        self._classes = self._of_classes() if average.codes is not None and not average.whole else None

    def sums(self, first: Floats, weights: Floats) -> Floats:
        """(k, b) sums over hits under (n, b) `weights`, of which `first` is ``base @ weights``.

        They are in the order of the shares in each replicate. float32 is exact for counts: whole numbers below 2^24.
        """
        sums: Floats = self.steps @ weights
        sums[0] += first
        for before, row in pairwise(sums):  # a running sum; np.cumsum down columns takes three times as long
            row += before
        if self._classes is not None:
            of_class, due, per_class = self._classes
            sums = of_class.sum(1)[:, None] + sums - (of_class / due) @ (per_class @ weights)
        return sums if self.average.codes is None else sums.round(DIGITS)

    def shares(self, sums: Floats, drawn: Floats, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """(..., b) shares from `sums` at thresholds `places`, which broadcast; `drawn` is the weight of all counted."""
        if self._classes is not None:
            return np.asarray(sums, np.float64)
        shares = np.where(drawn > 0, sums / np.where(drawn > 0, drawn, 1).astype(np.float64), self.sample[places])
        return shares if self.average.codes is None else shares.round(DIGITS)

    def _of_classes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], csr_array]:
        """(k, c) what the hits of each class add, (c,) what all its images would, and (c, n) what each image counts."""
        from scipy.sparse import csr_array

        codes, values = self.average.codes, self.average.values
        assert codes is not None
        image, classes = np.arange(len(codes)), int(codes.max()) + 1
        member = csr_array((np.ones(len(codes)), (codes, image)), shape=(classes, len(codes)))
        of_class = np.bincount(codes, self.base) + np.cumsum((self.steps @ member.T).toarray(), axis=0)
        due = np.bincount(codes, values)
        return of_class, np.where(due > 0, due, 1), csr_array(member * values)
