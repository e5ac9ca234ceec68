"""ADCC: coherency, complexity and average drop in one number."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from wsol.metrics._base import OF_CLASS, BatchMetric, Columns, Floats, MetricInput, OfClass, metric
from wsol.metrics._common.drop import average_drop, shown_only, shown_probabilities
from wsol.metrics._scores import SHARE, Score, mean
from wsol.options import option
from wsol.stats.reductions import adcc


def coherency(first: Floats, second: Floats) -> float:
    """(1 + Pearson correlation) / 2 of two maps, in [0, 1]; a constant map correlates with nothing: 0.5."""
    a, b = first - first.mean(dtype=np.float64), second - second.mean(dtype=np.float64)
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return 0.5 if scale <= 0 else float((1 + np.clip((a * b).sum() / scale, -1, 1)) / 2)


@metric(
    "adcc",
    paper="Poppi et al., Revisiting the Evaluation of Class Activation Mapping, CVPR Workshops 2021",
    year=2021,
    needs=("model", "method"),
    about="Harmonic mean of coherency, 1 - complexity and 1 - average drop.",
    cost="1F, and the method once more",
)
class ADCC(BatchMetric):
    """ADCC: coherency of the map with that of the image masked by it, complexity, and average drop, in one number.

    Coherency = (1 + Pearson(M(x), M(x * M(x)))) / 2, complexity = mean |M|, with M the min-max map, and the drop as a
    fraction. `adcc` is the mean of the images' numbers, `adcc_of_means` the harmonic mean of the three means.
    """

    of_class: OfClass = option("target", help=OF_CLASS)

    scores = (
        mean("adcc", label="ADCC", percent=True, bounds=SHARE),
        Score(
            name="adcc_of_means",
            label="ADCC of means",
            reduction="adcc_of_means",
            columns=("coherency", "complexity", "drop"),
            percent=True,
            bounds=SHARE,
        ),
        mean("coherency", label="Coherency", percent=True, bounds=SHARE),
        mean("complexity", label="Complexity", percent=True, higher_is_better=False, bounds=SHARE),
    )

    def measure_batch(self, items: Sequence[MetricInput]) -> list[Columns]:
        """Columns coherency, complexity, drop and adcc, all in [0, 1]. The method runs on one image at a time."""
        return [self._columns(item, after) for item, after in zip(items, shown_probabilities(items), strict=True)]

    def failed(self, item: MetricInput) -> Columns:
        """Columns at their worst; the drop is of a mean of means alone."""
        return {"coherency": 0.0, "complexity": 1.0, "drop": 1.0, "adcc": 0.0}

    def _columns(self, item: MetricInput, probabilities: NDArray[np.float64]) -> Columns:
        of_class = item.class_of(self.of_class)
        drop = average_drop(float(item.probabilities[of_class]), float(probabilities[of_class]))
        shown = shown_only(item.image, torch.as_tensor(item.map01, device=item.image.device))
        coherent = coherency(item.map, item.remap(shown))
        complexity = float(np.abs(item.map01).mean(dtype=np.float64))
        return {
            "coherency": coherent,
            "complexity": complexity,
            "drop": drop,
            "adcc": adcc(coherent, complexity, drop),
        }
