"""Statistics over the resamples of a run: means, any pooled number, and hits at a threshold chosen again in each.

Matrix products do the work: weights (b, n) times hits (n, thresholds) gives every replicate's whole accuracy curve.
1000 resamples of MaxBoxAccV2 take 0.03 s for 1000 images and 1.4 s for 50,000, on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import DataError
from wsol.stats.draws import Draws, average

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from wsol.stats.curves import Curves, Hits
    from wsol.stats.resamples import Resamples

    Statistic = Callable[[NDArray[np.float32]], ArrayLike]
    Parts = list[NDArray[np.float64]]

__all__ = [
    "IOU_DELTAS",
    "Draws",
    "average",
    "class_weights",
    "draw",
    "draw_best",
    "draw_class_mean",
    "draw_mean",
    "max_box_acc",
]

IOU_DELTAS = (0.3, 0.5, 0.7)  # MaxBoxAccV2: Choe et al. 2020 (journal version), sec. 4
# A threshold can't be told from the best one unless it is worse at the one-sided 10 % level, paired. 1.0 to 1.645 all
# cover 94-98 % on real curves; this is the middle (measured, see wsol.stats.draws).
CONTACT_Z = 1.28
BLOCK_CELLS = 1 << 22  # numbers in one block of replicates: 16 MB of float32


def draw_mean(
    values: ArrayLike, resamples: Resamples, *, bounded: bool = False, bounds: tuple[float, float] | None = None
) -> Draws:
    """Draws of the mean of (n,) finite numbers; `bounded` for bits and other shares of images (Wilson's shape).

    `bounds` are the lowest and highest number there can be; intervals of few and skewed ones need them.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.shape != (resamples.n,):
        raise DataError(f"values of shape {x.shape} for {resamples.n} resampled images; give one number an image")
    if not np.isfinite(x).all():
        raise DataError(f"value {int(np.flatnonzero(~np.isfinite(x))[0])} is not finite; leave such images out first")
    blocks = resamples.blocks(_rows(resamples.n))
    replicates = np.concatenate([rows.astype(np.float64) @ x / rows.sum(1, dtype=np.float64) for rows in blocks])
    return Draws(float(x.mean()), replicates, x, resamples, bounded=bounded, bounds=bounds)


def draw_class_mean(values: ArrayLike, labels: ArrayLike, resamples: Resamples) -> Draws:
    """Draws of the mean over classes of the mean over their images, of (n,) bits.

    Replicates are linear: which images a class drew moves its mean, how many it drew moves nothing; where classes are
    drawn, which of them.
    """
    x, classes = np.asarray(values, np.float64), np.asarray(labels)
    _, codes = np.unique(classes, return_inverse=True)
    weights = class_weights(classes)
    value = float(weights @ x)
    residuals = x - ((np.bincount(codes, x) / np.bincount(codes))[codes] if resamples.clusters is None else value)
    drawn = draw_mean(value + len(x) * weights * residuals, resamples, bounded=True)
    return replace(drawn, value=value, scores=x)


def class_weights(labels: ArrayLike) -> NDArray[np.float64]:
    """(n,) weights of images, with sum 1, under which every class counts alike."""
    _, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / (len(counts) * counts[codes])
    return weights


def draw(statistic: Statistic, resamples: Resamples, *, bounds: tuple[float, float] | None = None) -> Draws:
    """Draws of any number of weighted images: `statistic` maps weight vectors (b, n) float32 to (b,) numbers.

    For pooled numbers (PxAP, mAP, a ratio of sums), of which no image owns a part. Replicates may be nan where the
    number is undefined (a resample without any positive image); the error is that of the others.
    """
    value = float(np.asarray(statistic(np.ones((1, resamples.n), np.float32)))[0])
    parts = [np.asarray(statistic(rows), np.float64) for rows in resamples.blocks(_rows(resamples.n))]
    return Draws(value, np.concatenate(parts), None, resamples, bounds=bounds)


def draw_best(
    curves: Curves,
    delta: float,
    resamples: Resamples,
    *,
    masks: Mapping[str, ArrayLike] | None = None,
    ge: bool = True,
    masks_ge: bool | None = None,
    labels: ArrayLike | None = None,
    part: NDArray[np.bool_] | None = None,
) -> dict[str, Draws]:
    """MaxBoxAcc at one delta, and hits under `masks` at its threshold, which every replicate chooses again.

    Parameters
    ----------
    masks : (n,) bits by name, for example ``{"top1_loc": predicted == label}``: the share of images that are hits and
        in the mask, at the threshold that is best for all images (Top-1 Loc at the tau of GT-known Loc).
    masks_ge : the rule of hits under `masks` where that is another than `ge`.
    labels : (n,) classes, for means over classes of the means over their images.
    part : (n,) the images that are counted; the threshold is that of all of them.

    Returns
    -------
    Draws by name: ``maxboxacc`` and one for each mask.
    """
    if curves.n != resamples.n:
        raise DataError(f"curves of {curves.n} images, resamples of {resamples.n}; they must be of the same images")
    hits = curves.hits(delta, ge=ge)
    of_masks = hits if masks_ge in (None, ge) else curves.hits(delta, ge=bool(masks_ge))
    keep = np.ones(hits.n, bool) if part is None else part
    if not keep.any():
        raise DataError("no image is in the part that is to be counted; leave empty parts out")
    chosen = _Weights.of(labels, np.ones(hits.n, bool), resamples)
    counted = chosen if part is None else _Weights.of(labels, keep, resamples)
    bits = {"maxboxacc": np.ones(hits.n, np.float32)}
    bits |= {name: np.asarray(mask, dtype=bool).astype(np.float32) for name, mask in (masks or {}).items()}
    rules = {name: hits if name == "maxboxacc" else of_masks for name in bits}
    grids = {name: np.searchsorted(rule.grid, hits.grid, side="right") - 1 for name, rule in rules.items()}
    once = np.ones((1, hits.n), np.float32)
    best = chosen.shares(hits, once)[0]
    first = int(best.argmax())
    shares = {name: counted.shares(rule, once, bits[name])[0][grids[name]] for name, rule in rules.items()}
    contact = _contact(hits, hits.column(first), best, resamples, chosen) if part is None else None
    again: dict[str, Parts] = {name: [] for name in bits}
    curse: dict[str, Parts] = {name: [] for name in bits}
    for weights in resamples.blocks(_rows(max(hits.width, hits.n // 4))):
        line, count = np.arange(len(weights)), chosen.shares(hits, weights)
        pick = count.argmax(1)
        near = pick if contact is None else contact[(count[:, contact] - best[contact]).argmax(1)]
        for name, rule in rules.items():
            share = count
            if name != "maxboxacc" or part is not None:
                share = counted.shares(rule, weights, bits[name])[:, grids[name]]
            again[name].append(share[line, pick])
            curse[name].append(shares[name][first] + share[line, near] - shares[name][near])
    found = {}
    for name, rule in rules.items():
        scores = (rule.column(int(grids[name][first])) & (bits[name] > 0))[keep].astype(np.float64)
        value = float(shares[name][first])
        found[name] = Draws(
            value,
            np.concatenate(again[name]),
            counted.influence(scores, keep),
            resamples,
            np.concatenate(curse[name]) if part is None else None,
            bounded=True,
            tau=(float(hits.grid[first]),),
            scores=None if labels is None else scores,
            part=part,
        )
    return found


@dataclass(frozen=True, slots=True)
class _Weights:
    """What each image counts in the mean over some images, or over their classes.

    Attributes
    ----------
    once : (n,) weights with sum 1, zero outside the part.
    codes : (n,) classes 0..c-1 of the images, for means over classes; None for means over images.
    whole : whether classes are drawn, not images of each class.
    """

    once: NDArray[np.float64]
    codes: NDArray[np.int64] | None
    whole: bool

    @classmethod
    def of(cls, labels: ArrayLike | None, keep: NDArray[np.bool_], resamples: Resamples) -> _Weights:
        once = np.zeros(len(keep))
        if labels is None:
            once[keep] = 1 / keep.sum()
            return cls(once, None, whole=True)
        _, codes = np.unique(np.asarray(labels), return_inverse=True)
        once[keep] = class_weights(codes[keep])
        return cls(once, codes.astype(np.int64), resamples.clusters is not None)

    def shares(
        self, hits: Hits, weights: NDArray[np.float32], bits: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """(b, g) shares of hits that are in `bits` too, from how often each image is in each replicate.

        In means over classes, which images a class drew moves its mean, how many it drew moves nothing. A replicate
        without any image of the part has the share of the sample.
        """
        if self.codes is None:  # whole numbers: float32 is exact, so that equal thresholds stay equal
            drawn = weights * (self.once > 0)
            drawn[drawn.sum(1) == 0] = self.once > 0
            counts: NDArray[np.float64] = hits.counts(drawn if bits is None else drawn * bits).astype(np.float64)
            return np.asarray(counts / drawn.sum(1, dtype=np.float64, keepdims=True), np.float64)
        parts = weights * self.once
        if self.whole:
            parts[parts.sum(1) == 0] = self.once
            parts /= parts.sum(1, keepdims=True)
        else:  # what a class drew too few is made up for by all its images alike
            order = np.argsort(self.codes, kind="stable")
            starts = np.flatnonzero(np.diff(self.codes[order], prepend=-1))
            drawn, due = (np.add.reduceat(w[:, order], starts, axis=1) for w in (parts, self.once[None]))
            lacking = (due - drawn) / np.where(due > 0, due, 1)
            parts += lacking[:, self.codes] * self.once
        shares = hits.counts(parts if bits is None else parts * bits)
        return np.asarray(np.round(shares, 12), np.float64)  # equal thresholds are equal whatever the order of sums

    def influence(self, scores: NDArray[np.float64], keep: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(m,) what each image of the part adds to the mean of their (m,) scores; its mean is that mean."""
        if self.codes is None:
            return scores
        once, codes = self.once[keep], self.codes[keep]
        value = float(once @ scores)
        means = np.bincount(codes, once * scores) / np.maximum(np.bincount(codes, once), 1e-300)
        influence: NDArray[np.float64] = value + len(scores) * once * (scores - (value if self.whole else means[codes]))
        return influence


def max_box_acc(
    curves: Curves, resamples: Resamples, *, deltas: Sequence[float] = IOU_DELTAS, ge: bool = True
) -> tuple[Draws, dict[float, Draws]]:
    """MaxBoxAccV2 and its parts: the mean over `deltas` of MaxBoxAcc, and each by delta with its own best threshold."""
    parts = {delta: draw_best(curves, delta, resamples, ge=ge)["maxboxacc"] for delta in deltas}
    return average(list(parts.values())), parts


def _contact(
    hits: Hits,
    column: NDArray[np.bool_],
    share: NDArray[np.float64],
    resamples: Resamples,
    chosen: _Weights | None = None,
) -> NDArray[np.int64]:
    """Grid points whose share of hits can't be told from the best one's: paired z at most CONTACT_Z."""
    gap = share.max() - share
    if chosen is not None and chosen.codes is not None:
        squares = chosen.once**2
        both = hits.counts((squares * column)[None])[0]
        variance = hits.counts(squares[None])[0] + squares @ column - 2 * both - gap**2 / hits.n
    elif resamples.clusters is None:
        both = hits.counts(column.astype(np.float32)[None])[0] / np.float64(hits.n)
        variance = (share + share.max() - 2 * both - gap**2) / hits.n  # of the difference of two bits of one image
    else:
        variance = _clustered_variance(hits, column, gap, resamples.clusters)
    return np.flatnonzero(gap <= CONTACT_Z * np.sqrt(np.maximum(variance, 0)) + 1e-12)


def _clustered_variance(
    hits: Hits, column: NDArray[np.bool_], gap: NDArray[np.float64], clusters: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Variance of the difference of shares between each grid point and the best one, from sums over clusters."""
    sizes = np.bincount(clusters)
    best = np.bincount(clusters, column)
    squares = np.zeros(len(gap))
    rows = _rows(max(hits.width, hits.n))
    for start in range(0, len(sizes), rows):
        part = np.arange(start, min(start + rows, len(sizes)))
        sums = best[part, None] - hits.counts((clusters == part[:, None]).astype(np.float32))
        squares += ((sums - sizes[part, None] * gap) ** 2).sum(0)
    variance: NDArray[np.float64] = squares * len(sizes) / max(len(sizes) - 1, 1) / hits.n**2
    return variance


def _rows(width: int) -> int:
    return max(1, min(256, BLOCK_CELLS // width))
