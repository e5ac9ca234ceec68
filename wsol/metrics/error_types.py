"""Why a localization fails: TS-CAM's error types (Gao et al., ICCV 2021)."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wsol.errors import DataError
from wsol.localization.levels import boxes_above
from wsol.localization.quantize import quantize
from wsol.metrics._base import Columns, MetricInput, metric
from wsol.metrics._scores import mean
from wsol.options import ShareBelowOne, option

Boxes = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]

ErrorType = Literal["right", "class_wrong", "multi_instance", "part", "more", "wrong"]
LABELS = {
    "right": "Right",
    "class_wrong": "Wrong class",
    "multi_instance": "Multi-instance",
    "part": "Part",
    "more": "More",
    "wrong": "Wrong",
}
UNIT_BOX = np.array([0, 0, 1, 1])  # what the script boxes when nothing is above the threshold


def error_type(
    box: Boxes,
    gt_boxes: Boxes,
    *,
    class_right: bool,
    hit: float = 0.5,
    several: float = 0.3,
    part: float = 0.5,
    more: float = 0.7,
) -> ErrorType:
    """The first of these that holds, for a predicted box (4,) and ground-truth boxes (g, 4), g > 0.

    1. ``class_wrong``: the classifier is wrong;
    2. ``right``: IoU > `hit` with some ground-truth box;
    3. ``multi_instance``: the box covers more than `several` of at least two ground-truth boxes (intersection over GT);
    4. ``part``: more than `part` of the box is on the best ground-truth box (intersection over box);
    5. ``more``: the box covers at least `more` of the best ground-truth box;
    6. ``wrong``: anything else.

    Corners are inclusive (+1), the best ground-truth box is the one of highest IoU, the first of equals.
    """
    truth = np.asarray(gt_boxes, np.float64).reshape(-1, 4)
    if not len(truth):
        raise DataError("an error type needs at least one ground-truth box")
    if not class_right:
        return "class_wrong"
    predicted = np.asarray(box, np.float64)
    low, high = np.maximum(predicted[:2], truth[:, :2]), np.minimum(predicted[2:], truth[:, 2:])
    shared = np.maximum(high - low + 1, 0).prod(1)
    gt_area, area = (truth[:, 2:] - truth[:, :2] + 1).prod(1), (predicted[2:] - predicted[:2] + 1).prod()
    iou = shared / (gt_area + area - shared)
    best = int(iou.argmax())
    if iou[best] > hit:
        return "right"
    if (shared / gt_area > several).sum() > 1:
        return "multi_instance"
    if shared[best] / area > part:
        return "part"
    return "more" if shared[best] / gt_area[best] >= more else "wrong"


def tscam_box(map01: NDArray[np.floating[Any]], *, tau: float) -> NDArray[np.int64]:
    """Box (4,) of the contour of largest polygon area in {floor(255 map) > floor(tau max)}: x0, y0, x0 + w, y0 + h.

    The end is one past the last pixel and not clipped; an empty foreground gives 0, 0, 1, 1 (vasgaowei/TS-CAM).
    """
    levels = quantize(map01)
    boxes = boxes_above(levels > int(tau * levels.max()), component="largest_polygon")
    return np.asarray(boxes[0] if len(boxes) else UNIT_BOX, np.int64)


@metric(
    "error_types",
    paper="Gao et al., TS-CAM, ICCV 2021",
    year=2021,
    needs=("boxes", "probabilities"),
    about="Share of right, wrong class, multi-instance, part, more and wrong localizations at a fixed threshold.",
)
class ErrorTypes:
    """TS-CAM's error taxonomy: each image is one of six kinds; see `error_type` for the rules.

    Boxes follow the TS-CAM script: fixed threshold, largest contour, ground truth cut to whole pixels of the input.
    (The script divides before it multiplies, which moves one box in 20,000 by a pixel.)
    """

    tau: ShareBelowOne = option(
        0.2,
        help="threshold, as a share of the map's maximum; the script's default, its authors use 0.1 on CUB "
        "and 0.12 on ImageNet",
    )
    hit: ShareBelowOne = option(0.5, help="right: IoU with some ground-truth box above this")
    several: ShareBelowOne = option(
        0.3, help="multi-instance: share covered of two or more ground-truth boxes above this"
    )
    part: ShareBelowOne = option(0.5, help="part: share of the box on the best ground-truth box above this")
    more: ShareBelowOne = option(0.7, help="more: share covered of the best ground-truth box, this or higher")

    scores = tuple(
        mean(
            kind,
            name=f"error_{kind}" if kind != "right" else kind,
            label=LABELS[kind],
            percent=True,
            higher_is_better=kind == "right",
            proportion=True,
        )
        for kind in get_args(ErrorType)
    )

    def measure(self, item: MetricInput) -> Columns:
        """Columns error (the kind's name) and one column per kind, 0 or 1."""
        height, width = item.map.shape
        last = np.array([width - 1, height - 1] * 2)
        kind = error_type(
            tscam_box(item.map01, tau=self.tau),
            np.clip(np.trunc(item.boxes), 0, last),
            class_right=item.predicted == item.target,
            hit=self.hit,
            several=self.several,
            part=self.part,
            more=self.more,
        )
        return _columns(kind)

    def failed(self, item: MetricInput) -> Columns:
        """A map that failed localizes nothing; where the class is wrong too, that is the error."""
        return _columns("wrong" if item.predicted == item.target else "class_wrong")


def _columns(error: ErrorType) -> Columns:
    return {"error": error} | {kind: int(kind == error) for kind in get_args(ErrorType)}
