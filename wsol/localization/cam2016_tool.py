"""The box generator published with CAM (zhoubolei/CAM, bboxgenerator).

At each of three grey levels the foreground loses what is closer to the background than about 4 % of its largest
distance. The bounding rectangles of all contours of all levels compete: largest first, and what overlaps the largest by
more than half is dropped. The evaluation script takes the first box of what is left, or the first two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import MapError
from wsol.localization.component_rules import component_rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = (20, 100, 110)  # of 255: bbox_threshold in generate_bbox.m and ILSVRC_evaluate_bbox.m
KEPT = 10  # the distance transform, scaled to 0..255 and rounded, must be above it
MARGIN = 5  # boxes end this many pixels before the right and bottom edge


def tool_boxes(levels: NDArray[Any], *, candidates: int = 1, thresholds: tuple[int, ...] = LEVELS) -> NDArray[np.int32]:
    """The tool's first boxes (n, 4) of a (H, W) map of grey levels 0..255: x, y, x + w, y + h; n <= `candidates`.

    The tool sorts equal areas in no defined order; here the lower threshold comes first. Without any contour there is
    no box, and the script stops with an error.

    Raises
    ------
    MapError for a map that is not (H, W) or leaves 0..255.
    """
    grid = np.asarray(levels)
    if grid.ndim != 2 or grid.size == 0 or grid.min() < 0 or grid.max() > 255:
        raise MapError(f"the tool needs a (H, W) map of grey levels 0..255, not shape {grid.shape}")
    rects = np.concatenate([_rectangles(_core(grid > t)) for t in thresholds])
    if not len(rects):
        return np.zeros((0, 4), np.int32)
    rects = rects[np.argsort(-rects[:, 2] * rects[:, 3], kind="stable")]
    first, rest = rects[0], _without_overlaps(rects)
    boxes = np.array([first, *rest][:candidates])
    ends = boxes[:, :2] + boxes[:, 2:]
    # next to the right or bottom edge width or height turn negative, and the script sorts the corners
    return np.concatenate([np.minimum(boxes[:, :2], ends), np.maximum(boxes[:, :2], ends)], axis=1).astype(np.int32)


@component_rules.rule("cam2016_tool", own_levels=True, on_masks="largest_pixels", candidates=2)
def _both_boxes(levels: NDArray[Any], t: int) -> NDArray[np.int32]:
    return tool_boxes(levels, candidates=2)


def _core(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is left of a mask away from its background; all of one that has none, or is empty."""
    import cv2

    if mask.all() or not mask.any():
        return mask
    rounded = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = np.sqrt(
        np.rint(rounded.astype(np.float64) ** 2)
    )  # squares are whole numbers: OpenCV's float32 is undone
    return np.asarray(np.floor(distance * (255.0 / distance.max()) + 0.5) > KEPT)


def _rectangles(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """x, y, w, h of every contour, holes too, kept off the right and bottom edge as the tool does."""
    from wsol.localization.levels import boxes_above  # numba, which takes half a second to import

    boxes = boxes_above(mask, component="all_with_holes").astype(np.int64)
    size = np.array(mask.shape[::-1])
    start, extent = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([np.minimum(start, size - MARGIN), np.minimum(extent, size - start - MARGIN)], axis=1)


def _without_overlaps(rects: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """What merging with the first rectangle leaves of the others, in order.

    The tool erases while it counts on, and so never compares the rectangle behind an erased one.
    """
    first, left, skip = rects[0], [], False
    for rect in rects[1:]:
        if not skip and _overlap(first, rect) > int(max(first[2] * first[3], rect[2] * rect[3]) * 0.5):
            skip = True
            continue
        left.append(rect)
        skip = False
    return left


def _overlap(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return int(max(0, wide) * max(0, high))
