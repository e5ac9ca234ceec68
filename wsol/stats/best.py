"""MaxBoxAcc and its bootstrap: the share of hits at the threshold that is best, chosen again in every replicate.

Replicate r draws image i w_ir times; the accuracy of threshold t is sum_i w_ir h_i(t) / n, for all replicates and
thresholds the matrix product of hits and weights. Four things keep it small:

* **Thresholds that can't win are left out.** Let a images be hits at the sample's best threshold s and not at t, and c
  the other way round. Of the n draws of a replicate each one is worth +1 for t with probability c/n and -1 with
  probability a/n. By Chernoff's bound, with e^u = sqrt(a/c), t is at least as good as s with probability at most
  (1 - (a + c - a e^-u - c e^u) / n)^n = (1 - (sqrt a - sqrt c)^2 / n)^n <= exp(-(sqrt a - sqrt c)^2), where a > c.
  Thresholds for which this times all thresholds and replicates is below MISSED are left out: that any of them would
  have been chosen in any replicate has a probability below 1e-9. (Where classes are drawn, or averaged over, draws
  are not of single hits, and all thresholds stay.)
* **Thresholds between which no image flips are one.** A few images have a few dozen different ones.
* **Hits are flips.** From one threshold to the next few images change: accuracies are a running sum of sparse products.
  Of fewer than 32,768 images they are counted in 16 bits, which a product reads twice as fast as float32.
* **All variants share the weights**, which are drawn in blocks of replicates: memory is bounded, and paired differences
  of replicates come for free.

1000 replicates of 20 variants at four IoU thresholds take 3 s for 50,000 images on one core.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import DataError
from wsol.stats.averages import Average, Line
from wsol.stats.contact import contact_set
from wsol.stats.draws import Draws, average
from wsol.stats.hits import Hits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from wsol.stats.averages import Floats, Numbers
    from wsol.stats.curves import Curves
    from wsol.stats.resamples import Resamples

ALL = "maxboxacc"  # the hits of all images, beside the names of masks
IOU_DELTAS = (0.3, 0.5, 0.7)  # MaxBoxAccV2: Choe et al. 2020 (journal version), sec. 4
MISSED = 1e-9  # the probability that a threshold that was left out would have been chosen
STACKED = 1 << 24  # numbers in one product of weights and first thresholds: 64 MB of float32


@dataclass(frozen=True, kw_only=True)
class Search:
    """A threshold to be chosen on some images, and what is counted at it.

    Attributes
    ----------
    hits : of each image at each threshold.
    masks : (n,) bits by name, for example ``{"top1_loc": predicted == label}``: the share of images that are hits and
        in the mask, at the threshold that is best for all images (Top-1 Loc at the tau of GT-known Loc).
    masked : the hits that masks count, where their rule is another.
    labels : (n,) classes, for means over classes of the means over their images.
    part : (n,) the images that are counted; the threshold is that of all of them.
    every : keep thresholds that can't win, too.
    """

    hits: Hits
    resamples: Resamples
    masks: Mapping[str, ArrayLike] = field(default_factory=dict)
    masked: Hits | None = None
    labels: ArrayLike | None = None
    part: NDArray[np.bool_] | None = None
    every: bool = False

    def __post_init__(self) -> None:
        if self.hits.n != self.resamples.n:
            n = self.hits.n
            raise DataError(f"curves of {n} images, resamples of {self.resamples.n}; they must be of the same images")
        if self.part is not None and not self.part.any():
            raise DataError("no image is in the part that is to be counted; leave empty parts out")


def draw_best(
    curves: Curves | Hits,
    delta: float,
    resamples: Resamples,
    *,
    masks: Mapping[str, ArrayLike] | None = None,
    ge: bool = True,
    masks_ge: bool | None = None,
    labels: ArrayLike | None = None,
    part: NDArray[np.bool_] | None = None,
) -> dict[str, Draws]:
    """MaxBoxAcc at one delta, and hits under `masks` at its threshold: `draw_best_of` of one `Search`, from curves.

    Parameters
    ----------
    ge : whether IoU = delta is a hit. masks_ge : the rule of hits under `masks` where that is another than `ge`.

    Returns
    -------
    Draws by name: ``maxboxacc`` and one for each mask.
    """
    hits = curves if isinstance(curves, Hits) else curves.hits(delta, ge=ge)
    masked = None
    if masks_ge not in (None, ge) and not isinstance(curves, Hits):
        masked = curves.hits(delta, ge=bool(masks_ge))
    (found,) = draw_best_of(
        [Search(hits=hits, resamples=resamples, masks=masks or {}, masked=masked, labels=labels, part=part)]
    )
    return found


def draw_best_of(searches: Iterable[Search]) -> list[dict[str, Draws]]:
    """For each search, draws by name: ``maxboxacc`` and one for each mask. Those on the same images share weights."""
    chosen = [_Chosen(search) for search in searches]
    for group in _alike(chosen):
        stack, places = _distinct([vector for one in group for vector in one.bases])
        ends = np.cumsum([0, *(len(one.bases) for one in group)])
        for weights in group[0].resamples.columns(stack.dtype):
            products = _products(stack, weights)
            for one, (start, stop) in zip(group, pairwise(ends), strict=True):
                one.add(products[places[start:stop]], weights)
    return [one.draws() for one in chosen]


def max_box_acc(
    curves: Curves, resamples: Resamples, *, deltas: Sequence[float] = IOU_DELTAS, ge: bool = True
) -> tuple[Draws, dict[float, Draws]]:
    """MaxBoxAccV2 and its parts: the mean over `deltas` of MaxBoxAcc, and each by delta with its own best threshold."""
    searches = [Search(hits=curves.hits(delta, ge=ge), resamples=resamples) for delta in deltas]
    parts = {delta: found[ALL] for delta, found in zip(deltas, draw_best_of(searches), strict=True)}
    return average(list(parts.values())), parts


def can_win(count: Floats, both: Floats, best: int, n_resamples: int) -> NDArray[np.bool_]:
    """(g,) at which thresholds a bootstrap replicate of single images may have its maximum (see the module).

    Parameters
    ----------
    count, both : (g,) images that are hits at each threshold, and at the sample's `best` one too.
    """
    a, c = count[best] - both, count - both
    wins = np.log(len(count) * n_resamples / MISSED)
    return np.asarray((a <= c) | ((np.sqrt(a) - np.sqrt(c)) ** 2 <= wins))


class _Chosen:
    """A search under one block of weights after the other.

    Attributes
    ----------
    bases : (n,) vectors whose products with the weights are needed: the weight of all images that are averaged over,
        and of those that are hits at the first threshold, for each line.
    """

    def __init__(self, search: Search) -> None:
        hits, everyone = search.hits, np.ones(search.hits.n, bool)
        self.resamples, self.part, self.labels = search.resamples, search.part, search.labels
        self.keep = everyone if search.part is None else search.part
        choosing = Average.of(search.labels, everyone, search.resamples)
        self.counted = choosing if search.part is None else Average.of(search.labels, self.keep, search.resamples)
        best = choosing.shares(hits)
        self.first = int(best.argmax())
        contact = np.zeros(0, np.int64)
        column = hits.column(self.first)
        both = hits.count(column)
        if search.part is None:
            contact = contact_set(hits, column, both, best, search.resamples, choosing)
        open_ = np.ones(len(hits.grid), bool)
        if search.labels is None and search.resamples.clusters is None and not search.every:
            open_ = can_win((best * hits.n).round(), both, self.first, search.resamples.n_resamples)
            open_[contact] = True
        masked = search.masked or hits
        # of neighbors with the same hits the first is as good as all
        thresholds = np.flatnonzero(open_ & (hits.changes(hits.grid) | masked.changes(hits.grid)))
        self.tau = float(hits.grid[self.first])
        places = np.searchsorted(thresholds, contact, side="right") - 1  # ascending; np.unique first imports np.ma
        self.contact = places[np.diff(places, prepend=-1) > 0]
        self.place = int(np.searchsorted(thresholds, self.first))
        self.best = best[thresholds][self.contact]
        grid = hits.grid[thresholds]
        self.choosing = Line(hits, grid, choosing, shares=best)
        self.lines = {ALL: self.choosing if search.part is None else Line(hits, grid, self.counted)}
        self.scores = {ALL: column[self.keep]}
        for name, mask in search.masks.items():
            bits = np.asarray(mask, bool)
            self.lines[name] = Line(masked, grid, self.counted, bits=bits)
            self.scores[name] = (masked.at(self.tau) & bits)[self.keep]
        distinct = list(dict.fromkeys([self.choosing, *self.lines.values()]))
        ends = np.cumsum([0, *(len(line.vectors) for line in distinct)])
        self.rows = {line: slice(*pair) for line, pair in zip(distinct, pairwise(ends), strict=True)}
        self.bases = [vector for line in distinct for vector in line.vectors]
        self.again: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self.lines}
        self.curse: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self.lines}

    def add(self, products: Numbers, weights: Numbers) -> None:
        """Take one block: (r, b) products of `bases` and (n, b) weights."""
        replicate = np.arange(weights.shape[1])
        of = {line: products[rows] for line, rows in self.rows.items()}
        every = {line: line.sums(of[line], weights) for line in self.rows}

        def shares(line: Line, places: NDArray[np.int64]) -> NDArray[np.float64]:
            return line.shares(every[line][places, replicate], of[line], line.sample[places])

        pick = near = first_largest(every[self.choosing])
        if len(self.contact):
            line, best = self.choosing, self.best[:, None]
            gains = line.shares(every[line][self.contact], of[line], line.sample[self.contact, None]) - best
            near = self.contact[first_largest(gains)]
        for name, counted in self.lines.items():
            self.again[name].append(shares(counted, pick))
            self.curse[name].append(counted.sample[self.place] + shares(counted, near) - counted.sample[near])

    def draws(self) -> dict[str, Draws]:
        """The draws, after the last block."""
        found = {}
        for name, line in self.lines.items():
            scores = self.scores[name].astype(np.float64)
            found[name] = Draws(
                float(line.sample[self.place]),
                np.concatenate(self.again[name]),
                self.counted.influence(scores, self.keep),
                self.resamples,
                np.concatenate(self.curse[name]) if self.part is None else None,
                bounded=True,
                tau=(self.tau,),
                scores=None if self.labels is None else scores,
                part=self.part,
            )
        return found


def first_largest(rows: NDArray[Any]) -> NDArray[np.int64]:
    """(b,) the first row of (k, b) with the largest number of each column: `argmax`, which goes column by column."""
    k = len(rows)
    left = np.arange(k, 0, -1, dtype=np.uint8 if k < 1 << 8 else np.int64)
    return np.asarray(k - ((rows == rows.max(0)) * left[:, None]).max(0).astype(np.int64))


def _alike(chosen: Sequence[_Chosen]) -> Iterator[list[_Chosen]]:
    """Those with the same resamples and precision, so many that their first thresholds fit into memory."""
    groups: list[list[_Chosen]] = []
    for one in chosen:
        for group in groups:
            head = group[0]
            if head.bases[0].dtype == one.bases[0].dtype and head.resamples.same_as(one.resamples):
                group.append(one)
                break
        else:
            groups.append([one])
    for group in groups:
        batch: list[_Chosen] = []
        vectors = 0
        for one in group:
            vectors += len(one.bases)
            if batch and vectors * one.resamples.n > STACKED:
                yield batch
                batch, vectors = [], len(one.bases)
            batch.append(one)
        yield batch


def _distinct(vectors: Sequence[Numbers]) -> tuple[Numbers, NDArray[np.int64]]:
    """The different ones of some vectors, stacked, and where each of all stands: all count the same images, mostly."""
    keys = [vector.tobytes() for vector in vectors]
    different = dict(zip(keys, vectors, strict=True))
    place = {key: n for n, key in enumerate(different)}
    return np.stack(list(different.values())), np.array([place[key] for key in keys])


def _products(vectors: Numbers, weights: Numbers) -> Numbers:
    """(r, b) of (r, n) vectors and (n, b) weights; NumPy has no fast product of whole numbers."""
    if vectors.dtype.kind == "f":
        return vectors @ weights
    from scipy.sparse import csr_array

    return np.asarray(csr_array(vectors) @ weights)
