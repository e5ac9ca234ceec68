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

    from wsol.stats.hits import Counting, Hits
    from wsol.stats.resamples import Resamples

    Floats = NDArray[np.floating[Any]]
    Numbers = NDArray[np.integer[Any] | np.floating[Any]]

COUNTED = 1 << 15  # fewer images than this are counted in 16 bits: half of float32's memory, and exact as well


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
    values : (n,) as above; zero outside the part. In means over images they are 1 in the part.
    codes : (n,) classes 0..c-1 of the images, for means over classes; None for means over images.
    whole : whether classes are drawn, not images of each class.
    """

    values: Numbers
    codes: NDArray[np.int64] | None = None
    whole: bool = True

    @classmethod
    def of(cls, labels: ArrayLike | None, keep: NDArray[np.bool_], resamples: Resamples) -> Average:
        """Over the images to `keep`, or with `labels` over the classes of these."""
        if labels is None:
            few = resamples.clusters is None and resamples.n < COUNTED  # no sum over a replicate exceeds n
            return cls(keep.astype(np.int16 if few else np.float32))
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
        if self.codes is None:
            return np.asarray(hits.count(self.counted(bits)) / self.values.sum(dtype=np.float64))
        return hits.add(self.values if bits is None else self.values * bits).round(DIGITS)

    def counted(self, bits: NDArray[np.bool_] | None = None) -> NDArray[np.bool_] | None:
        """(n,) which images count, of those in `bits`; None for all."""
        counted = self.values > 0
        if counted.all():
            return bits
        return counted if bits is None else counted & bits

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
    base : (n,) what each image adds at the first threshold; None where that is the first row of `steps`.
    steps : (k, n) what each image adds more from each threshold to the next.
    sample : (k,) the sample's shares, which replicates without any image of the part have too.

    Parameters
    ----------
    thresholds : (k,), ascending.
    bits : (n,) images outside of which no hit counts.
    shares : (g,) `average.shares` of the hits and bits, where they are known.
    """

    def __init__(
        self,
        hits: Hits,
        thresholds: NDArray[np.float64],
        average: Average,
        *,
        bits: NDArray[np.bool_] | None = None,
        shares: NDArray[np.float64] | None = None,
    ) -> None:
        self.average = average
        self.base: Numbers | None = None
        self.steps: Counting | csr_array
        if average.codes is None:
            mask, kind = average.counted(bits), average.values.dtype
            if kind.kind == "f":  # many images, most of whose hits are at the first threshold: BLAS adds them faster
                first = hits.at(float(thresholds[0]))
                self.base = (first if mask is None else first & mask).astype(kind)
            self.steps = hits.counting(thresholds, mask, kind, first=self.base is None)
        else:
            values = average.values if bits is None else average.values * bits
            at_first, steps = hits.on(thresholds)
            self.base, self.steps = values * at_first, steps.matrix(values)
        places = np.searchsorted(hits.grid, thresholds, side="right") - 1
        self.sample = (average.shares(hits, bits) if shares is None else shares)[places]
        self._classes = None if average.whole else self._of_classes()

    @property
    def vectors(self) -> list[Numbers]:
        """(n,) each, whose products with the weights are needed: what is averaged over, and `base`."""
        return [self.average.values, *([] if self.base is None else [self.base])]

    def sums(self, products: Numbers, weights: Numbers) -> Numbers:
        """(k, b) sums over hits under (n, b) `weights`, of which `products` are those of `vectors`.

        They are in the order of the shares in each replicate. float32 is exact for counts: whole numbers below 2^24.
        """
        sums: Numbers = self.steps @ weights
        if self.base is not None:
            sums[0] += products[1]
        for before, row in pairwise(sums):  # a running sum; np.cumsum down columns takes three times as long
            row += before
        if self._classes is not None:
            of_class, due, per_class = self._classes
            sums = of_class.sum(1)[:, None] + sums - (of_class / due) @ (per_class @ weights)
        return sums if self.average.codes is None else sums.round(DIGITS)

    def shares(self, sums: Numbers, products: Numbers, sample: Floats) -> NDArray[np.float64]:
        """(..., b) shares from `sums` at some thresholds; the `sample`'s there in replicates that hold no image."""
        if self._classes is not None:
            return np.asarray(sums, np.float64)
        drawn = products[0].astype(np.float64)
        shares: NDArray[np.float64] = sums / np.where(drawn > 0, drawn, 1)
        if not drawn.all():
            shares = np.where(drawn > 0, shares, sample)
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
