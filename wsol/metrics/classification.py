"""Classification beside localization, from the same forward: Top-1, Top-5 and mean average precision."""

from typing import Annotated

import numpy as np

from wsol.metrics._base import Columns, MetricInput, metric
from wsol.metrics._scores import SHARE, Score, mean
from wsol.options import Range, option


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
    """

    keep: Annotated[int, Range(5, 1_000_000)] = option(
        20, help="how many of the highest probabilities are written per image"
    )

    scores = (
        mean("top1", name="top1_cls", label="Top-1 Cls", percent=True, proportion=True),
        mean("top5", name="top5_cls", label="Top-5 Cls", percent=True, proportion=True),
        Score(
            name="map",
            label="mAP",
            reduction="mean_average_precision",
            columns=("label", "classes", "probabilities"),
            percent=True,
            bounds=SHARE,
        ),
    )

    def measure(self, item: MetricInput) -> Columns:
        """Columns label, top1, top5 (0 or 1), classes and probabilities (the `keep` highest, falling)."""
        best = np.argsort(-item.probabilities, kind="stable")[: self.keep]
        return {
            "label": item.target,
            "top1": int(item.target == best[0]),
            "top5": int(item.target in best[:5]),
            "classes": best.tolist(),
            "probabilities": item.probabilities[best].astype(float).tolist(),
        }
