"""Intersection over union of boxes under the conventions of `wsol.localization.iou_rules`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from wsol.errors import DataError
from wsol.localization.boxes import READ_INCLUSIVE, WRITTEN_INCLUSIVE
from wsol.localization.compiled import Floats, compiled
from wsol.localization.iou_rules import OPEN, PIXELS, SIGNED, iou_rules


def iou(a: ArrayLike, b: ArrayLike, *, convention: str) -> Floats:
    """IoU of every box in `a` (n, 4) with every box in `b` (m, 4), as (n, m) in [0, 1].

    Parameters
    ----------
    a, b : x0, y0, x1, y1.
    convention : a name in `iou_rules`.
        ``plus1``: corners are pixels and both are inside, so a side is x1 - x0 + 1 (clovaai/wsolevaluation; the
        devkits).
        ``continuous``: a side is x1 - x0 (COCO; the `exact` protocol). Two boxes without area have IoU 0.
        ``plus1_open``: as ``plus1``, but 0 where the overlap has no width before the +1 (PengtaoJiang/layercam_loc).
        ``plus1_signed``: as ``plus1``, but two negative sides of the overlap multiply to a positive area
        (won-bae/rethinkingCAM). Clipped to [0, 1], which changes no hit.

    Raises
    ------
    ConfigError for an unknown convention, DataError for arrays that are not (n, 4).
    """
    rule = iou_rules[convention]
    if rule.function is not None:
        return np.asarray(rule.function(box_array(a), box_array(b)), np.float64)
    return _table(box_array(a), box_array(b), rule.code)


def box_array(boxes: ArrayLike) -> Floats:
    """A fresh (n, 4) float64 array. Raises DataError for another shape."""
    array = np.array(boxes, np.float64, order="C")  # a copy: numba compiles again for read-only arrays
    if array.size == 0:
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"boxes must be (n, 4) x0, y0, x1, y1, not shape {array.shape}")
    return array


@compiled
def pair_iou(x0: float, y0: float, x1: float, y1: float, gt: Floats, convention: int) -> float:
    """IoU of a box with the box `gt` (4,); `convention` is the code of an `IoURule`."""
    one = 1.0 if convention & PIXELS else 0.0
    wide = min(x1, gt[2]) - max(x0, gt[0])
    high = min(y1, gt[3]) - max(y0, gt[1])
    if convention & OPEN and (wide <= 0 or high <= 0):
        return 0.0
    if convention & SIGNED:
        overlap = max((wide + one) * (high + one), 0.0)
    else:
        overlap = max(wide + one, 0.0) * max(high + one, 0.0)
    area = max(x1 - x0 + one, 0.0) * max(y1 - y0 + one, 0.0)
    gt_area = max(gt[2] - gt[0] + one, 0.0) * max(gt[3] - gt[1] + one, 0.0)
    union = area + gt_area - overlap
    # signed overlaps can exceed the boxes' areas
    return min(overlap / union, 1.0) if union > 0 else 0.0


@compiled
def best_iou(
    x0: int, y0: int, x1: int, y1: int, width: int, height: int, gt: Floats, convention: int, box_end: int, clip: int
) -> float:
    """IoU of a half-open box, finished as `finish_boxes` does, with the best of `gt` (g, 4); 0 where there is none."""
    if box_end & WRITTEN_INCLUSIVE:
        x1, y1 = x1 - 1, y1 - 1
    if clip:
        last = 1 if box_end & READ_INCLUSIVE else 0
        x1, y1 = min(x1, width - last), min(y1, height - last)
    best = 0.0
    for k in range(len(gt)):
        best = max(best, pair_iou(float(x0), float(y0), float(x1), float(y1), gt[k], convention))
    return best


@compiled
def _table(a: Floats, b: Floats, convention: int) -> Floats:
    """(n, m) IoU of boxes (n, 4) and (m, 4)."""
    table = np.empty((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            table[i, j] = pair_iou(a[i, 0], a[i, 1], a[i, 2], a[i, 3], b[j], convention)
    return table
