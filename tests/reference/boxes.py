"""Boxes the slow way: one threshold after the other, with OpenCV's contours or scipy's labels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Box = tuple[int, int, int, int]


def boxes_at(mask: NDArray[np.bool_], component: str, connectivity: int = 8) -> list[Box]:
    """Half-open boxes of one binary image, sorted; for ``largest_*`` one, or none where nothing is set."""
    if component in ("all", "largest_pixels"):
        return _labelled(mask, component, connectivity)
    contours = cv2.findContours(mask.astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if component == "all_with_holes":
        return sorted(_rectangle(c) for c in contours)
    measure = cv2.contourArea if component == "largest_polygon" else _rectangle_area
    # max() returns the first of equals, as the evaluators do
    return [_rectangle(max(contours, key=measure))] if contours else []


def finished(box: Any, box_end: str, clip: bool, size_wh: tuple[int, int]) -> Box:
    """A half-open box as a protocol writes it."""
    x0, y0, x1, y1 = box
    (x1, y1), last = (x1 - 1, y1 - 1) if box_end == "inclusive" else (x1, y1), 0 if box_end == "half_open" else 1
    if clip:
        x1, y1 = min(x1, size_wh[0] - last), min(y1, size_wh[1] - last)
    return x0, y0, x1, y1


def empty_box(empty: str, box_end: str, clip: bool, size_wh: tuple[int, int]) -> Box | None:
    """The box that a protocol puts where nothing is above the threshold."""
    if empty == "full_box":
        return finished((0, 0, *size_wh), box_end, clip, size_wh)
    return {"zero_box": (0, 0, 0, 0), "unit_box": (0, 0, 1, 1), "miss": None}[empty]


def iou_of(a: Any, b: Any, convention: str) -> float:
    """IoU of two boxes of integers, in fractions."""
    one = 0 if convention == "continuous" else 1
    sides = [(min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1)]
    areas = [max(box[2] - box[0] + one, 0) * max(box[3] - box[1] + one, 0) for box in (a, b)]
    overlap = (sides[0] + one) * (sides[1] + one)
    if convention != "plus1_signed" and min(sides) + one < 0:
        overlap = 0
    if convention == "plus1_open" and min(sides) <= 0:
        overlap = 0
    union = sum(areas) - overlap
    return float(min(Fraction(overlap, union), 1)) if overlap > 0 and union > 0 else 0.0


def scores_at(mask: NDArray[np.bool_], gt: Any, rule: Any) -> tuple[float, int]:
    """The best IoU with boxes of integers that a rule reaches on one binary image, and its number of boxes."""
    size = (mask.shape[1], mask.shape[0])
    found = boxes_at(mask, rule.component, rule.connectivity)
    written = [finished(box, rule.box_end, rule.clip, size) for box in found]
    if not mask.any():
        box = empty_box(rule.empty, rule.box_end, rule.clip, size)
        written = [] if box is None else [box]
    return max((iou_of(box, truth, rule.iou) for box in written for truth in gt), default=0.0), len(found)


def iou_plus1(a: Any, b: Any) -> float:
    """IoU counted in pixels of inclusive integer boxes."""
    return _iou_of_sets(_pixels(a), _pixels(b))


def corner_bilinear(grid: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Bilinear interpolation with fixed corners, one output pixel at a time."""
    rows, columns = grid.shape
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            v = y * (rows - 1) / (height - 1) if height > 1 else 0.0
            u = x * (columns - 1) / (width - 1) if width > 1 else 0.0
            for j in range(rows):
                for i in range(columns):
                    out[y, x] += max(0.0, 1 - abs(v - j)) * max(0.0, 1 - abs(u - i)) * grid[j, i]
    return out


def _labelled(mask: NDArray[np.bool_], component: str, connectivity: int) -> list[Box]:
    labels, count = ndimage.label(mask, np.ones((3, 3)) if connectivity == 8 else None)
    slices = ndimage.find_objects(labels)
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in slices]
    if component == "all" or not count:
        return sorted(boxes)
    # scipy numbers components by their first pixel in raster order, and argmax takes the first of equals
    return [boxes[int(np.argmax(np.bincount(labels.ravel())[1:]))]]


def _rectangle(contour: Any) -> Box:
    x, y, w, h = cv2.boundingRect(contour)
    return x, y, x + w, y + h


def _rectangle_area(contour: Any) -> int:
    w, h = cv2.boundingRect(contour)[2:]
    return int(w * h)


def _pixels(box: Any) -> set[tuple[int, int]]:
    x0, y0, x1, y1 = box
    return {(x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)}


def _iou_of_sets(a: set[tuple[int, int]], b: set[tuple[int, int]]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0
