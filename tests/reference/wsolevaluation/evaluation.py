"""The box rules of clovaai/wsolevaluation, written anew with OpenCV under the names of its `evaluation.py`.

One threshold and one contour after the other. `wsol parity` runs it where a clone is not at hand:

    wsol parity --reference wsolevaluation=tests/reference/wsolevaluation --maps 1000
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE = 1  # a corner lies at most that many pixels before the map's side


def resize_bbox(box: Sequence[float], image_size: Sequence[int], resize_size: Sequence[int]) -> tuple[int, ...]:
    """x0 y0 x1 y1 of a box in an image (W, H) of another size, truncated."""
    sides = [*image_size, *image_size], [*resize_size, *resize_size]
    return tuple(int(float(c) * float(new) / float(old)) for c, old, new in zip(box, *sides, strict=True))


def compute_bboxes_from_scoremaps(
    scoremap: NDArray[Any], scoremap_threshold_list: Sequence[float], multi_contour_eval: bool = False
) -> tuple[list[NDArray[np.int64]], list[int]]:
    """By threshold, the boxes (n, 4) with inclusive corners, and how many there are.

    Raises TypeError for a map of other numbers than Python's float, ValueError for NaN.
    """
    if scoremap.dtype != vars(np)["float"]:  # the alias that NumPy had then
        raise TypeError(f"a map of {scoremap.dtype}")
    if np.isnan(scoremap).any():
        raise ValueError("a map with NaN")
    levels = (scoremap * 255).astype(np.uint8)
    top = levels.max()
    known: dict[bytes, NDArray[np.int64]] = {}  # equal masks have equal boxes
    boxes = []
    for tau in scoremap_threshold_list:
        mask = (levels > int(tau * top)).astype(np.uint8)
        key = mask.tobytes()
        if key not in known:
            known[key] = _boxes(mask, several=multi_contour_eval)
        boxes.append(known[key])
    return boxes, [len(b) for b in boxes]


def _boxes(mask: NDArray[np.uint8], *, several: bool) -> NDArray[np.int64]:
    """(n, 4) around all contours, or around the one of the largest area; one box of zeros where there is none."""
    height, width = mask.shape
    contours: Sequence[Any] = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not several and contours:
        contours = [max(contours, key=cv2.contourArea)]
    rects = [cv2.boundingRect(c) for c in contours]
    found = [[x, y, min(x + w, width - EDGE), min(y + h, height - EDGE)] for x, y, w, h in rects]
    return np.array(found or [[0, 0, 0, 0]])


def calculate_multiple_iou(box_a: NDArray[Any], box_b: NDArray[Any]) -> NDArray[np.float64]:
    """(n, m) IoU of boxes with inclusive corners."""
    a, b = np.asarray(box_a)[:, None], np.asarray(box_b)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + 1
    inter = sides.clip(0).prod(-1)
    areas = [(c[..., 2] - c[..., 0] + 1) * (c[..., 3] - c[..., 1] + 1) for c in (a, b)]
    shares: NDArray[np.float64] = inter / (areas[0] + areas[1] - inter)
    return shares
