"""Average drop, increase in confidence, average gain: the class's probability on the image masked by the map."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsol.metrics._base import OF_CLASS, BatchMetric, Columns, MetricInput, OfClass, metric
from wsol.metrics._common.drop import average_drop, average_gain, shown_probabilities
from wsol.metrics._scores import SHARE, mean
from wsol.options import option


@metric(
    "drop",
    paper="Chattopadhay et al., Grad-CAM++, WACV 2018; gain: Zhang et al., Opti-CAM, 2023",
    year=2018,
    needs=("model",),
    about="Average drop, increase in confidence and average gain when the image is multiplied by its map.",
    cost="1F",
)
class Drop(BatchMetric):
    """Average Drop, Increase in Confidence and Average Gain, from one more forward.

    With y the probability on the image and o on image x map: AD = mean max(0, y - o) / y, IC = share of images with
    o > y, AG = mean max(0, o - y) / (1 - y).
    """

    of_class: OfClass = option("target", help=OF_CLASS)

    scores = (
        mean("drop", name="average_drop", label="Avg drop", percent=True, higher_is_better=False, bounds=SHARE),
        mean("increase", label="Increase", percent=True, proportion=True),
        mean("gain", name="average_gain", label="Avg gain", percent=True, bounds=SHARE),
    )

    def measure_batch(self, items: Sequence[MetricInput]) -> list[Columns]:
        """Columns drop, increase (0 or 1), gain, and before and after, the probabilities."""
        return [self._columns(item, after) for item, after in zip(items, shown_probabilities(items), strict=True)]

    def _columns(self, item: MetricInput, probabilities: NDArray[np.float64]) -> Columns:
        of_class = item.class_of(self.of_class)
        before, after = float(item.probabilities[of_class]), float(probabilities[of_class])
        return {
            "drop": average_drop(before, after),
            "increase": int(after > before),
            "gain": average_gain(before, after),
            "before": before,
            "after": after,
        }
