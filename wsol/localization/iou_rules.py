"""The IoU conventions of the field, by name: a protocol names one in its knob `iou`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsol.registry import Rules

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
