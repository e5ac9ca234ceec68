"""Intersection over union of boxes under the three conventions of the field."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from wsol.boxes.compiled import Floats, compiled
from wsol.errors import ConfigError, DataError, unknown

Convention = Literal["plus1", "continuous", "plus1_open", "plus1_signed"]


def iou(a: ArrayLike, b: ArrayLike, *, convention: Convention) -> Floats:
    """IoU of every box in `a` (n, 4) with every box in `b` (m, 4), as (n, m) in [0, 1].

    Parameters
    ----------
    a, b : x0, y0, x1, y1.
    convention :
        ``plus1``: corners are pixels and both are inside, so a side is x1 - x0 + 1 (clovaai/wsolevaluation; the
        devkits).
        ``continuous``: a side is x1 - x0 (COCO; the `exact` protocol). Two boxes without area have IoU 0.
        ``plus1_open``: as ``plus1``, but 0 where the overlap has no width before the +1 (PengtaoJiang/layercam_loc).
        ``plus1_signed``: as ``plus1``, but two negative sides of the overlap, of boxes that are apart in x and in y,
        multiply to a positive area (won-bae/rethinkingCAM). Held within [0, 1], which changes no hit.

    Raises
    ------
    ConfigError for an unknown convention, DataError for arrays that are not (n, 4).
    """
    if convention not in get_args(Convention):
        raise unknown("IoU convention", convention, get_args(Convention), error=ConfigError)
    first, second = _boxes(a), _boxes(b)
    one = 0.0 if convention == "continuous" else 1.0
    return _table(first, second, one, convention == "plus1_open", convention == "plus1_signed")


@compiled
def _table(a: Floats, b: Floats, one: float, empty_before_plus1: bool, signed: bool) -> Floats:
    table = np.zeros((len(a), len(b)))
    for i in range(len(a)):
        area_a = max(a[i, 2] - a[i, 0] + one, 0.0) * max(a[i, 3] - a[i, 1] + one, 0.0)
        for j in range(len(b)):
            wide = min(a[i, 2], b[j, 2]) - max(a[i, 0], b[j, 0])
            high = min(a[i, 3], b[j, 3]) - max(a[i, 1], b[j, 1])
            if empty_before_plus1 and (wide <= 0 or high <= 0):
                continue
            overlap = (wide + one) * (high + one) if signed else max(wide + one, 0.0) * max(high + one, 0.0)
            if overlap > 0:
                area_b = max(b[j, 2] - b[j, 0] + one, 0.0) * max(b[j, 3] - b[j, 1] + one, 0.0)
                union = area_a + area_b - overlap
                # signed overlaps can exceed the boxes' areas
                table[i, j] = min(overlap / union, 1.0) if union > 0 else 0.0
    return table


def _boxes(boxes: ArrayLike) -> Floats:
    array = np.array(boxes, np.float64, order="C")  # a copy: numba compiles again for read-only arrays
    if array.size == 0:
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"boxes must be (n, 4) x0, y0, x1, y1, not shape {array.shape}")
    return array
