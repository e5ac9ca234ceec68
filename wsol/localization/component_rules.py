"""The rules by which components of a thresholded map become boxes, by name.

A protocol names one in its knob `component`. The built-in ones are evaluated for all thresholds at once by compiled
code (`wsol.localization.levels`). Other rules are functions that are called at one threshold after the other: slower,
with the same columns.

    @component_rules.rule("two_largest", several=True)
    def two_largest(levels, t):
        boxes = boxes_above(levels > t, component="all")
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        return boxes[np.argsort(-areas, kind="stable")[:2]]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.registry import Rules

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ComponentRule:
    """How boxes are chosen among the components of a foreground.

    Attributes
    ----------
    boxes : from whole-number levels (H, W) and a threshold t to the boxes (m, 4) of {levels > t}, half-open, x0 y0 x1
        y1; None for rules that are compiled. Where several boxes don't count, the first is the one.
    several : all boxes count per image.
    code : of a compiled rule, what the compiled code calls it.
    connectivities : of foreground pixels, those that the rule knows.
    own_levels : the rule has grey levels of its own and takes no other threshold.
    on_masks : the compiled rule that takes its place on a mask, where it has grey levels of its own.
    candidates : how many of its boxes a protocol may let count.
    """

    boxes: Callable[[NDArray[Any], int], NDArray[np.integer[Any]]] | None = None
    several: bool = False
    code: int | None = None
    connectivities: tuple[int, ...] = (8,)
    own_levels: bool = False
    on_masks: str = ""
    candidates: int = 1


LARGEST_POLYGON, LARGEST_PIXELS, LARGEST_RECT, ALL, ALL_WITH_HOLES = range(5)  # codes; those from ALL on are `several`
component_rules: Rules[ComponentRule] = Rules("component rule", ComponentRule)
component_rules.put("largest_polygon", ComponentRule(code=LARGEST_POLYGON))
component_rules.put("largest_pixels", ComponentRule(code=LARGEST_PIXELS, connectivities=(4, 8)))
component_rules.put("largest_rect", ComponentRule(code=LARGEST_RECT))
component_rules.put("all", ComponentRule(code=ALL, several=True, connectivities=(4, 8)))
component_rules.put("all_with_holes", ComponentRule(code=ALL_WITH_HOLES, several=True))
