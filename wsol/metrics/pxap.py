"""PxAP: area under precision and recall of pixels, pooled over a data set (Choe et al., 2020, for OpenImages30k)."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wsol.localization.normalize import normalize
from wsol.localization.resize import resize
from wsol.metrics._base import Columns, MetricInput, metric
from wsol.metrics._common.truth import BACKGROUND, OBJECT, Against, truth_of
from wsol.metrics._scores import SHARE, Score, mean
from wsol.options import Step, option
from wsol.stats.reductions import pxap

POOLED = ("foreground", "background")


def bin_edges(step: float) -> NDArray[np.float64]:
    """0, step, 2 step, ... below 1, then 1, 2 and 3: two more bins than thresholds (wsolevaluation)."""
    below = np.arange(0, 1, step)
    return np.append(below[below < 1], [1.0, 2.0, 3.0])


def histograms(
    map01: NDArray[np.floating[Any]], truth: NDArray[np.uint8], *, step: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Scores on object pixels and on background pixels, counted in `bin_edges(step)`; ignored pixels are nowhere.

    Bins hold their lower edge and not their upper one; the last holds both.
    """
    edges = bin_edges(step)
    bins = len(edges) - 1
    values = np.asarray(map01, np.float64)
    guess = np.clip((values / step).astype(np.int64), 0, bins - 2)  # then mended: k * step is not the float above it
    guess -= values < edges[guess]
    guess += values >= edges[guess + 1]
    index = np.minimum(guess, bins - 1)
    return (
        np.bincount(index[truth == OBJECT], minlength=bins),
        np.bincount(index[truth == BACKGROUND], minlength=bins),
    )


@metric(
    "pxap",
    paper="Choe et al., Evaluating WSOL Methods Right, CVPR 2020; pIoU: Zhu et al., DA-WSOL, CVPR 2022",
    year=2020,
    needs=("mask",),
    about="Pixel average precision and best pixel IoU, pooled over the data set; ignore regions dropped.",
)
class PxAP:
    """PxAP and pIoU: all pixels of the data set in one pool, so large objects count more; and PxAP per image.

    PxAP = sum_l P_l (R_l - R_(l-1)) over descending thresholds; pIoU = max over thresholds of the pooled IoU.
    """

    step: Step = option(0.001, help="distance of the thresholds")
    against: Against = option("mask", help="the mask; boxes and auto are not the published metric")
    normalise: Literal["minmax", "max", "pas", "ivr"] = option(
        "minmax", help="of the map: the published metric's, or another of Kim et al., 2021; also written normalize"
    )

    scores = (
        Score(name="pxap", label="PxAP", reduction="pxap", columns=POOLED, percent=True, bounds=SHARE),
        Score(name="piou", label="pIoU", reduction="piou", columns=POOLED, percent=True, bounds=SHARE),
        mean("pxap_image", label="PxAP / image", percent=True, bounds=SHARE),
    )

    def measure(self, item: MetricInput) -> Columns:
        """Columns foreground and background (histograms), pxap_image (None without an object pixel)."""
        map01 = item.map01
        if item.raw is not None:  # the published numbers resize by cubic interpolation, then stretch
            map01 = normalize(resize(item.raw, map01.shape[::-1], rule="cubic"), rule=self.normalise)
        return self._columns(map01, truth_of(item, self.against))

    def failed(self, item: MetricInput) -> Columns:
        """Columns of the worst map: the object in the lowest bin, the background in the highest."""
        truth = truth_of(item, self.against)
        return self._columns(np.where(truth == OBJECT, 0.0, bin_edges(self.step)[-1]), truth)

    def _columns(self, values: NDArray[np.floating[Any]], truth: NDArray[np.uint8]) -> Columns:
        foreground, background = histograms(values, truth, step=self.step)
        alone = float(pxap(foreground, background))
        return {
            "foreground": foreground.tolist(),
            "background": background.tolist(),
            "pxap_image": None if np.isnan(alone) else alone,
        }
