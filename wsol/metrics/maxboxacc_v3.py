"""MaxBoxAccV3 (MinMaxCAM): the share of ground-truth boxes that are found, each by an estimated box of its own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol.localization.boxes import empty_box, finished
from wsol.localization.final_map import level_maps
from wsol.localization.frame import frame_of
from wsol.localization.iou import iou
from wsol.localization.localize import localize
from wsol.localization.one_by_one import counted_boxes
from wsol.localization.records import ImageMap
from wsol.localization.thresholds import threshold_grid
from wsol.metrics._base import Columns, MetricInput, metric
from wsol.metrics._scores import SHARE, Score
from wsol.options import PositiveShare, option
from wsol.protocols.choe2020_v2 import V2
from wsol.views import view_named


def matched(overlaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """(g,) IoU of the ground-truth boxes, each with an estimated box of its own, from a table (m, g) of IoU.

    The pair of the highest IoU is taken and both its boxes leave the table, until no ground-truth box is left; those
    for which no estimated box is left have 0. Highest first, as pairs are found.
    """
    left, found = overlaps.copy(), np.zeros(overlaps.shape[1])
    for k in range(min(overlaps.shape)):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        found[k] = left[row, column]
        left[row], left[:, column] = 0, 0
    return found


@metric(
    "maxboxacc_v3",
    paper="Wang et al., MinMaxCAM: Improving Object Coverage for CAM-based WSOL, BMVC 2021",
    year=2021,
    needs=("boxes",),
    about="MaxBoxAccV2 per ground-truth box and not per image, each matched with an estimated box of its own.",
)
class MaxBoxAccV3:
    """MaxBoxAccV3: as MaxBoxAccV2, but every ground-truth box is a case, and an estimated box finds only one of them.

    MaxBoxAccV3 = mean over delta of max over tau of (ground-truth boxes found) / (ground-truth boxes), over all images

    Boxes at a threshold are those of `choe2020_v2`: all contours, of holes too. The matching, highest IoU first, is
    that of a public fork of clovaai/wsolevaluation that trains MinMaxCAM (read); the authors' own evaluator was not
    read. Where the network's input is not 224 pixels wide, true boxes are scaled twice, which can move a truncated
    corner by a pixel.
    """

    deltas: tuple[PositiveShare, ...] = option((0.3, 0.5, 0.7), help="IoU thresholds, each with its own best tau")

    @property
    def scores(self) -> tuple[Score, ...]:
        found = [_column(delta) for delta in self.deltas]
        common: dict[str, Any] = {"reduction": "best_share", "percent": True, "bounds": SHARE}
        every = Score(name="maxboxacc_v3", label="MaxBoxAccV3", columns=(*found, "objects"), **common)
        single = [
            Score(name=f"maxboxacc_v3@{round(100 * delta)}", label=f"V3@{delta:g}", columns=(name, "objects"), **common)
            for delta, name in zip(self.deltas, found, strict=True)
        ]
        return (every, *single)

    def measure(self, item: MetricInput) -> Columns:
        """Columns objects, the number of ground-truth boxes, and by delta how many of them each threshold finds."""
        overlaps = _along(item)
        found = {_column(delta): (overlaps >= delta).sum(1).tolist() for delta in self.deltas}
        return {**found, "objects": len(item.boxes)}

    def failed(self, item: MetricInput) -> Columns:
        """Columns of the worst map: nothing is found."""
        return {**{_column(delta): [0] * len(_grid()) for delta in self.deltas}, "objects": len(item.boxes)}


def _column(delta: float) -> str:
    return f"found_{delta:g}"


def _grid() -> NDArray[np.float64]:
    grid = threshold_grid(V2)
    assert grid is not None
    return grid


def _along(item: MetricInput) -> NDArray[np.float64]:
    """(thresholds, g): at each threshold the IoU of the ground-truth boxes with their estimated ones."""
    height, width = item.map.shape
    raw: NDArray[Any] = item.map01 if item.raw is None else item.raw
    rule = V2.derive({"normalise": "none"}) if item.raw is None else V2
    layout = view_named("squash", V2.side).layout((width, height))
    one = ImageMap(raw=raw, layout=layout, boxes_xyxy=item.boxes)
    if len(item.boxes) == 1:
        return np.asarray(localize([one], [rule])[rule.name].iou.at(_grid())[0, :, None])
    frame = frame_of(item.boxes, layout, rule)
    levels = level_maps([raw], [layout], frame.size_wh, rule)[0].astype(np.int32)
    starts = (_grid() * float(levels.max())).astype(np.int64)
    found = np.zeros((len(starts), len(item.boxes)))
    for t in np.unique(starts).tolist():
        boxes = counted_boxes(levels, t, rule, rule.component)
        written = finished(boxes, frame.size_wh, rule) if len(boxes) else empty_box(frame.size_wh, rule)
        found[starts == t] = matched(iou(written, frame.gt_boxes, convention=rule.iou))
    return found
