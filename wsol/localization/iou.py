"""Intersection over union of boxes under the conventions of the field, and how protocols write their boxes."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsol.errors import ConfigError, DataError, unknown
from wsol.localization.compiled import Floats, compiled

Convention = Literal["plus1", "continuous", "plus1_open", "plus1_signed"]
BoxEnd = Literal["inclusive", "exclusive_as_inclusive", "half_open"]
PLUS1, CONTINUOUS, PLUS1_OPEN, PLUS1_SIGNED = range(4)  # places in Convention
INCLUSIVE, EXCLUSIVE_AS_INCLUSIVE, HALF_OPEN = range(3)  # places in BoxEnd


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
    return _table(box_array(a), box_array(b), get_args(Convention).index(convention))


def finish_boxes(boxes: NDArray[Any], *, box_end: BoxEnd, clip_wh: tuple[int, int] | None = None) -> NDArray[Any]:
    """Half-open boxes (n, 4) as a protocol writes them; same dtype.

    Parameters
    ----------
    box_end :
        ``half_open``: x1 is one past the last pixel, unchanged. ``inclusive``: x1 is the last pixel.
        ``exclusive_as_inclusive``: [x, y, x+w, y+h] handed on as if inclusive, one pixel too big
        (clovaai/wsolevaluation, PengtaoJiang/layercam_loc): the numbers of half_open, to be used with a +1 IoU.
    clip_wh : image width and height; x1 and y1 stay within it, at most W - 1 where they are read as inclusive.
    """
    if box_end not in get_args(BoxEnd):
        raise unknown("box end", box_end, get_args(BoxEnd), error=ConfigError)
    finished = np.array(boxes)
    if box_end == "inclusive":
        finished[:, 2:] -= 1
    if clip_wh is not None:
        last = 0 if box_end == "half_open" else 1
        finished[:, 2:] = np.minimum(finished[:, 2:], np.array(clip_wh, finished.dtype) - finished.dtype.type(last))
    return finished


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
    """IoU of a box with the box `gt` (4,)."""
    one = 0.0 if convention == CONTINUOUS else 1.0
    wide = min(x1, gt[2]) - max(x0, gt[0])
    high = min(y1, gt[3]) - max(y0, gt[1])
    if convention == PLUS1_OPEN and (wide <= 0 or high <= 0):
        return 0.0
    if convention == PLUS1_SIGNED:
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
    if box_end == INCLUSIVE:
        x1, y1 = x1 - 1, y1 - 1
    if clip:
        last = 0 if box_end == HALF_OPEN else 1
        x1, y1 = min(x1, width - last), min(y1, height - last)
    best = 0.0
    for k in range(len(gt)):
        best = max(best, pair_iou(float(x0), float(y0), float(x1), float(y1), gt[k], convention))
    return best


@compiled
def _table(a: Floats, b: Floats, convention: int) -> Floats:
    table = np.empty((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            table[i, j] = pair_iou(a[i, 0], a[i, 1], a[i, 2], a[i, 3], b[j], convention)
    return table
