"""From the columns of all images to one number, by name: what rows can say of a quantity without its metric.

Every function takes columns and weights (r, n) of the n images, and gives r numbers, NaN where undefined: weights of
one give the plain number, counts of a bootstrap draw that replicate's. Metrics outside the package register their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import unknown
from wsol.stats.pooled import best_share, class_iou

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, Sequence[Any]]
    Floats = NDArray[np.float64]
    Reduction = Callable[[Columns, Floats], Floats]


def register(name: str, function: Reduction) -> None:
    """Let `name` stand for a function of (columns, weights (r, n)) to (r,) numbers; a later one replaces it."""
    _known[name] = function


def ask_for_unknown(teacher: Callable[[str, str, Mapping[str, Any]], None]) -> None:
    """Let `learn` call a function of (measure, metric, options), which registers what it knows of that metric."""
    _teachers.append(teacher)


def learn(measure: str, metric: str, options: Mapping[str, Any]) -> None:
    """Let those who know a metric register its reductions."""
    for teacher in _teachers:
        teacher(measure, metric, options)


def is_known(name: str) -> bool:
    """Whether `reduce` can be asked for it."""
    return name in _known


def reduce(name: str, columns: Columns, weights: Floats) -> Floats:
    """(r,) numbers, one under each of the (r, n) weightings of the n images. Raises UnknownName."""
    if name not in _known:
        raise unknown("reduction", name, _known)
    return _known[name](columns, weights)


def numbers(column: Sequence[Any]) -> Floats:
    """A column of numbers and None as (n,) float64; None becomes NaN."""
    return np.array([np.nan if v is None else v for v in column], dtype=np.float64)


def lists(column: Sequence[Any]) -> Floats:
    """A column of lists, all of one length, as (n, k) float64."""
    if isinstance(column, np.ndarray):
        return np.asarray(column, np.float64)
    return np.stack([np.asarray(v, dtype=np.float64) for v in column])


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """(n,) values under (r, n) weights to (r,) means; NaN values carry no weight, no weight at all gives NaN."""
    defined = ~np.isnan(values)
    return _ratio(weights @ np.where(defined, values, 0.0), weights @ defined.astype(np.float64))


def pxap(foreground: NDArray[Any], background: NDArray[Any]) -> Floats:
    """Histograms (..., bins) to (...,) in [0, 1]: sum over l of P_l (R_l - R_(l-1)) from the highest bin down.

    Bins without a pixel above them have no precision and are left out; NaN where there is no object pixel at all.
    """
    hits, claims = _down(foreground), _down(foreground) + _down(background)
    total = hits[..., -1:]
    precision = np.divide(hits, claims, out=np.zeros_like(hits), where=claims > 0)
    recall = np.divide(hits, total, out=np.full_like(hits, np.nan), where=total > 0)
    return np.asarray((precision[..., 1:] * np.diff(recall, axis=-1)).sum(-1))


def piou(foreground: NDArray[Any], background: NDArray[Any]) -> Floats:
    """Histograms (..., bins) to (...,) in [0, 1]: the highest IoU of {score >= tau} with the object, over tau.

    NaN where there is no object pixel.
    """
    hits, wrong = _down(foreground), _down(background)
    union = hits[..., -1:] + wrong
    iou = np.divide(hits, union, out=np.full_like(hits, np.nan), where=hits[..., -1:] > 0)
    return np.asarray(iou.max(-1))


def adcc(coherent: float, complexity: float, drop: float) -> float:
    """3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop)), all in [0, 1]; 0 where a term is 0."""
    terms = (coherent, 1 - complexity, 1 - drop)
    return 3 / sum(1 / t for t in terms) if min(terms) > 0 else 0.0


def average_precision(
    scores: NDArray[np.floating[Any]],
    positive: NDArray[np.bool_],
    weights: Floats,
    *,
    total_positive: Floats,
    total: Floats,
) -> Floats:
    """Average precision of a ranking, (r,): sum over distinct scores of precision times gain in recall, ties as one.

    Parameters
    ----------
    scores, positive : (m,) of the images that have a score.
    weights : (r, m) of these images.
    total_positive, total : (r,) weights of all positive and of all images; those that are not listed rank last, as one.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else np.zeros(0, np.int64)
    drawn = weights[:, order]
    claims = np.cumsum(drawn, axis=1)[:, ends]
    hits = np.cumsum(drawn * positive[order], axis=1)[:, ends]
    claims = np.column_stack([claims, total])
    hits = np.column_stack([hits, total_positive])
    precision = np.divide(hits, claims, out=np.zeros_like(hits), where=claims > 0)
    return _ratio((precision * np.diff(hits, axis=1, prepend=0.0)).sum(1), total_positive)


def _mean(columns: Columns, weights: Floats) -> Floats:
    """The mean of the one column over the images where it is defined."""
    (column,) = columns.values()
    return weighted_mean(numbers(column), weights)


def _pooled_pxap(columns: Columns, weights: Floats) -> Floats:
    return pxap(*_pool(columns, weights))


def _pooled_piou(columns: Columns, weights: Floats) -> Floats:
    return piou(*_pool(columns, weights))


def _pool(columns: Columns, weights: Floats) -> tuple[Floats, Floats]:
    return weights @ lists(columns["foreground"]), weights @ lists(columns["background"])


def _two_class_iou(columns: Columns, weights: Floats) -> Floats:
    """Mean of object IoU and background IoU, each over the pixels of all images."""
    tp, fp, fn, tn = (weights @ numbers(columns[name]) for name in ("tp", "fp", "fn", "tn"))
    return np.asarray((_ratio(tp, tp + fp + fn) + _ratio(tn, tn + fp + fn)) / 2)


def _adcc_of_means(columns: Columns, weights: Floats) -> Floats:
    means = [weighted_mean(numbers(columns[name]), weights) for name in ("coherency", "complexity", "drop")]
    return np.array([adcc(*(float(m[r]) for m in means)) for r in range(len(weights))])


def _mean_average_precision(columns: Columns, weights: Floats) -> Floats:
    """Mean over the classes that have an image of the average precision of their probability as a ranking."""
    labels = np.asarray(columns["label"])
    image = np.repeat(np.arange(len(labels)), [len(c) for c in columns["classes"]])
    of_class = np.concatenate([np.asarray(c, np.int64) for c in columns["classes"]])
    scores = np.concatenate([np.asarray(p, np.float64) for p in columns["probabilities"]])
    total = weights.sum(1)
    summed, count = np.zeros(len(weights)), np.zeros(len(weights))
    for label in np.unique(labels):
        listed = of_class == label
        precision = average_precision(
            scores[listed],
            labels[image[listed]] == label,
            weights[:, image[listed]],
            total_positive=weights[:, labels == label].sum(1),
            total=total,
        )
        drawn = ~np.isnan(precision)
        summed[drawn] += precision[drawn]
        count += drawn
    return _ratio(summed, count)


def _down(histogram: NDArray[Any]) -> Floats:
    """Pixels in this bin or above it, from the highest bin down."""
    return np.cumsum(np.asarray(histogram, np.float64)[..., ::-1], axis=-1)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole; NaN where there is no whole."""
    out: Floats = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


_teachers: list[Callable[[str, str, Mapping[str, Any]], None]] = []
_known: dict[str, Reduction] = {
    "mean": _mean,
    "pxap": _pooled_pxap,
    "piou": _pooled_piou,
    "two_class_iou": _two_class_iou,
    "adcc_of_means": _adcc_of_means,
    "mean_average_precision": _mean_average_precision,
    "best_share": best_share,
    "class_iou": class_iou,
}
