"""Classification beside localization, from the same forward: Top-1, Top-5 and mean average precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError
from wsol.metrics.base import Case, Columns, Score, mean, metric

if TYPE_CHECKING:
    from numpy.typing import NDArray


def average_precision(
    scores: NDArray[np.floating[Any]],
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    *,
    total_positive: NDArray[np.float64],
    total: NDArray[np.float64],
) -> NDArray[np.float64]:
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
    area = (precision * np.diff(hits, axis=1, prepend=0.0)).sum(1)
    found: NDArray[np.float64] = np.full(len(area), np.nan)
    np.divide(area, total_positive, out=found, where=total_positive > 0)
    return found


def _mean_average_precision(columns: Mapping[str, Sequence[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
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
    found: NDArray[np.float64] = np.full(len(weights), np.nan)
    np.divide(summed, count, out=found, where=count > 0)
    return found


@metric(
    "classification",
    paper="Top-1, Top-5: ILSVRC; mAP: PASCAL VOC",
    year=2015,
    needs=("probabilities",),
    about="Top-1, Top-5 and mean average precision of the classifier.",
)
class Classification:
    """Top-1 and Top-5 accuracy and mAP; the same for every variant of a run.

    mAP is the mean over classes of the area under precision and recall of the images ranked by the class's probability.
    Probabilities outside an image's `keep` highest count as 0, so it is exact where the network has at most that many.

    Attributes
    ----------
    keep : probabilities written an image.
    """

    keep: int = 20

    scores = (
        mean("top1", name="top1_cls", label="Top-1 Cls", percent=True, proportion=True),
        mean("top5", name="top5_cls", label="Top-5 Cls", percent=True, proportion=True),
        Score(name="map", label="mAP", of=_mean_average_precision, percent=True),
    )

    def __post_init__(self) -> None:
        if self.keep < 5:
            raise ConfigError(f"keep={self.keep} is too few for Top-5; give 5 or more")

    def measure(self, case: Case) -> Columns:
        """Columns label, top1, top5 (0 or 1), classes and probabilities (the `keep` highest, falling)."""
        best = np.argsort(-case.probabilities, kind="stable")[: self.keep]
        return {
            "label": case.target,
            "top1": int(case.target == best[0]),
            "top5": int(case.target in best[:5]),
            "classes": best.tolist(),
            "probabilities": case.probabilities[best].astype(float).tolist(),
        }
