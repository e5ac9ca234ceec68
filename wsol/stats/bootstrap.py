"""Statistics over the resamples of a run: means, any pooled number, and hits at a threshold chosen again in each.

Matrix products do the work: weights (b, n) times hits (n, thresholds) gives every replicate's whole accuracy curve.
1000 resamples of MaxBoxAccV2 take 0.03 s for 1000 images and 1.4 s for 50,000, on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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


def draw_mean(values: ArrayLike, resamples: Resamples, *, bounded: bool = False) -> Draws:
    """Draws of the mean of (n,) finite numbers; `bounded` for bits and other shares of images (Wilson's shape)."""
    x = np.asarray(values, dtype=np.float64)
    if x.shape != (resamples.n,):
        raise DataError(f"values of shape {x.shape} for {resamples.n} resampled images; give one number an image")
    if not np.isfinite(x).all():
        raise DataError(f"value {int(np.flatnonzero(~np.isfinite(x))[0])} is not finite; leave such images out first")
    blocks = resamples.blocks(_rows(resamples.n))
    replicates = np.concatenate([rows.astype(np.float64) @ x / rows.sum(1, dtype=np.float64) for rows in blocks])
    return Draws(float(x.mean()), replicates, x, resamples, bounded=bounded)


def draw_class_mean(values: ArrayLike, labels: ArrayLike, resamples: Resamples) -> Draws:
    """Draws of the mean over classes of the mean over their images, of (n,) bits.

    Replicates are linear: which images a class drew moves its mean, how many it drew moves nothing.
    """
    x, classes = np.asarray(values, np.float64), np.asarray(labels)
    _, codes = np.unique(classes, return_inverse=True)
    weights = class_weights(classes)
    value = float(weights @ x)
    residuals = x - (np.bincount(codes, x) / np.bincount(codes))[codes]
    drawn = draw_mean(value + len(x) * weights * residuals, resamples, bounded=True)
    return replace(drawn, value=value, scores=x)


def class_weights(labels: ArrayLike) -> NDArray[np.float64]:
    """(n,) weights of images, with sum 1, under which every class counts alike."""
    _, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / (len(counts) * counts[codes])
    return weights


def draw(statistic: Statistic, resamples: Resamples) -> Draws:
    """Draws of any number of weighted images: `statistic` maps weight vectors (b, n) float32 to (b,) numbers.

    For pooled numbers (PxAP, mAP, a ratio of sums), of which no image owns a part. Replicates may be nan where the
    number is undefined (a resample without any positive image); the error is that of the others.
    """
    value = float(np.asarray(statistic(np.ones((1, resamples.n), np.float32)))[0])
    parts = [np.asarray(statistic(rows), np.float64) for rows in resamples.blocks(_rows(resamples.n))]
    return Draws(value, np.concatenate(parts), None, resamples)


def draw_best(
    curves: Curves, delta: float, resamples: Resamples, *, masks: Mapping[str, ArrayLike] | None = None, ge: bool = True
) -> dict[str, Draws]:
    """MaxBoxAcc at one delta, and hits under `masks` at its threshold, which every replicate chooses again.

    Parameters
    ----------
    masks : (n,) bits by name, for example ``{"top1_loc": predicted == label}``: the share of images that are hits and
        in the mask, at the threshold that is best for all images (Top-1 Loc at the tau of GT-known Loc).

    Returns
    -------
    Draws by name: ``maxboxacc`` and one for each mask.
    """
    if curves.n != resamples.n:
        raise DataError(f"curves of {curves.n} images, resamples of {resamples.n}; they must be of the same images")
    hits = curves.hits(delta, ge=ge)
    bits = {"maxboxacc": np.ones(hits.n, np.float32)}
    bits |= {name: np.asarray(mask, dtype=bool).astype(np.float32) for name, mask in (masks or {}).items()}
    shares = {name: hits.counts(mask[None])[0] / np.float64(hits.n) for name, mask in bits.items()}
    first = int(shares["maxboxacc"].argmax())
    column = hits.column(first)
    contact = _contact(hits, column, shares["maxboxacc"], resamples)
    again: dict[str, Parts] = {name: [] for name in bits}
    curse: dict[str, Parts] = {name: [] for name in bits}
    for weights in resamples.blocks(_rows(max(hits.width, hits.n // 4))):
        total = weights.sum(1, dtype=np.float64)
        line = np.arange(len(weights))
        count = hits.counts(weights)
        pick = count.argmax(1)
        near = contact[(count[:, contact] / total[:, None] - shares["maxboxacc"][contact]).argmax(1)]
        for name, mask in bits.items():
            if name != "maxboxacc":
                count = hits.counts(weights * mask)
            again[name].append(count[line, pick] / total)
            curse[name].append(shares[name][first] + count[line, near] / total - shares[name][near])
    return {
        name: Draws(
            float(shares[name][first]),
            np.concatenate(again[name]),
            (column & (mask > 0)).astype(np.float64),
            resamples,
            np.concatenate(curse[name]),
            bounded=True,
            tau=(float(hits.grid[first]),),
        )
        for name, mask in bits.items()
    }


def max_box_acc(
    curves: Curves, resamples: Resamples, *, deltas: Sequence[float] = IOU_DELTAS, ge: bool = True
) -> tuple[Draws, dict[float, Draws]]:
    """MaxBoxAccV2 and its parts: the mean over `deltas` of MaxBoxAcc, and each by delta with its own best threshold."""
    parts = {delta: draw_best(curves, delta, resamples, ge=ge)["maxboxacc"] for delta in deltas}
    return average(list(parts.values())), parts


def _contact(
    hits: Hits, column: NDArray[np.bool_], share: NDArray[np.float64], resamples: Resamples
) -> NDArray[np.int64]:
    """Grid points whose share of hits can't be told from the best one's: paired z at most CONTACT_Z."""
    gap = share.max() - share
    if resamples.clusters is None:
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
