"""Mean IoU of segmentation seeds, as weakly supervised segmentation papers report it for class activation maps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol.localization.normalize import normalize
from wsol.localization.resize import resize
from wsol.metrics._base import Columns, MetricInput, metric
from wsol.metrics._common.truth import BACKGROUND, OBJECT, Against, truth_of
from wsol.metrics._scores import SHARE, Score
from wsol.options import ShareBelowOne, Step, option


@metric(
    "seed_miou",
    paper="Ahn et al., Weakly Supervised Learning of Instance Segmentation with Inter-pixel Relations, CVPR 2019",
    year=2019,
    needs=("truth",),
    about="Mean IoU of classes and background, all pixels pooled, at the best and at a fixed background score.",
)
class SeedMIoU:
    """Seed mIoU: pixels whose map, divided by its maximum, is above the background score get the map's class.

    mIoU = mean over background and classes of TP / (TP + FP + FN), with the pixels of all images in one pool

    The rules are those of step/eval_cam.py in jiwoon-ahn/irn (read): negative values are zero, a pixel must be above
    the background score, ignored pixels are dropped, classes that are nowhere don't count; 0.15 is its default. Papers
    also report the best score on the split they report, which is the first number here.

    Traps: the number of WSSS papers where each image has one class. On images of several classes each (image, class)
    pair is a case of its own, whose other objects are background, so it is lower than with classes that compete.
    """

    tau: ShareBelowOne = option(0.15, help="the fixed background score")
    step: Step = option(0.01, help="distance of the swept background scores")
    against: Against = option("auto", help="the mask, the boxes, or the mask where there is one (auto)")

    @property
    def scores(self) -> tuple[Score, ...]:
        common: dict[str, Any] = {"reduction": "class_iou", "percent": True, "bounds": SHARE}
        fixed = ("label", "foreground_fixed", "background_fixed")
        return (
            Score(name="seed_miou", label="Seed mIoU", columns=("label", "foreground", "background"), **common),
            Score(name="seed_miou_fixed", label=f"Seed mIoU@{self.tau:g}", columns=fixed, **common),
        )

    def measure(self, item: MetricInput) -> Columns:
        """Columns label, and histograms of object and background pixels: how many are above how many thresholds."""
        raw = item.map01 if item.raw is None else resize(item.raw, item.map.shape[::-1], rule="bilinear")
        return self._columns(item, np.asarray(normalize(raw, rule="max"), np.float64))

    def failed(self, item: MetricInput) -> Columns:
        """Columns of the worst map: all of the background and nothing of the object."""
        return self._columns(item, np.where(truth_of(item, self.against) == OBJECT, 0.0, 1.0))

    def _columns(self, item: MetricInput, values: NDArray[np.float64]) -> Columns:
        truth, swept = truth_of(item, self.against), np.arange(0, 1, self.step)
        columns: Columns = {"label": item.target}
        for suffix, cuts in {"": swept[swept < 1], "_fixed": np.array([self.tau])}.items():
            above = np.searchsorted(cuts, values, side="left")  # thresholds that a value is strictly above
            for name, kind in {"foreground": OBJECT, "background": BACKGROUND}.items():
                columns[name + suffix] = np.bincount(above[truth == kind], minlength=len(cuts) + 1).tolist()
        return columns
