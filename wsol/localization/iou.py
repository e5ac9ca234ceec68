"""Intersection over union of boxes under the conventions of the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import DataError
from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class IoURule:
    """An IoU convention: facts that the compiled code knows how to follow, or a function of one's own.

    Attributes
    ----------
    function : from boxes (n, 4) and (m, 4) to (n, m); None for conventions that the facts below describe. A function
        is called once per map and threshold, so it is slower.
    pixels : both corners are pixels inside, so that a side is x1 - x0 + 1; otherwise x1 - x0.
    open : the IoU is 0 where the overlap has no width or height before the +1.
    signed : two negative sides of the overlap, of boxes that are apart in x and in y, multiply to a positive area.
    """

    function: Callable[[Boxes, Boxes], Boxes] | None = None
    pixels: bool = False
    open: bool = False
    signed: bool = False

    @property
    def code(self) -> int:
        """The facts as bits, for compiled code."""
        return self.pixels * PIXELS + self.open * OPEN + self.signed * SIGNED


PIXELS, OPEN, SIGNED = 1, 2, 4
iou_rules: Rules[IoURule] = Rules("IoU convention", IoURule)
iou_rules.put("plus1", IoURule(pixels=True))  # clovaai/wsolevaluation; the devkits
iou_rules.put("continuous", IoURule())  # COCO; the protocol `exact`
iou_rules.put("plus1_open", IoURule(pixels=True, open=True))  # PengtaoJiang/layercam_loc
iou_rules.put("plus1_signed", IoURule(pixels=True, signed=True))  # won-bae/rethinkingCAM


def iou(a: ArrayLike, b: ArrayLike, *, convention: str) -> Boxes:
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
    from wsol.localization.pair_iou import iou_table  # numba, which takes half a second to import

    return iou_table(box_array(a), box_array(b), rule.code)


def box_array(boxes: ArrayLike) -> NDArray[Any]:
    """A fresh (n, 4) float64 array. Raises DataError for another shape."""
    array = np.array(boxes, np.float64, order="C")  # a copy: numba compiles again for read-only arrays
    if array.size == 0:
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise DataError(f"boxes must be (n, 4) x0, y0, x1, y1, not shape {array.shape}")
    return array
