"""The rules by which components of a thresholded map become boxes, by name.

A protocol names one in its knob `component`. The built-in ones are evaluated for all thresholds at once by compiled
code (`wsol.localization.levels`). A rule of one's own is a function that is asked at one threshold after the other:
slower, with the same columns.

    @component_rule("two_largest", several=True)
    def two_largest(levels, t):
        boxes = boxes_above(levels > t, component="all")
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        return boxes[np.argsort(-areas, kind="stable")[:2]]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError, unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    BoxesOf = Callable[[NDArray[Any], int], NDArray[np.integer[Any]]]


@dataclass(frozen=True, slots=True)
class ComponentRule:
    """A rule: its name, whether several boxes may count per image, and how it finds them.

    Attributes
    ----------
    boxes : from whole-number levels (H, W) and a threshold t to the boxes (m, 4) of {levels > t}, half-open, x0 y0 x1
        y1; None for rules that are compiled. Where several boxes don't count, the first is the one.
    own_levels : the rule has grey levels of its own and takes no other threshold.
    """

    name: str
    several: bool = False
    boxes: BoxesOf | None = None
    own_levels: bool = False


_rules: dict[str, ComponentRule] = {
    rule.name: rule
    for rule in (
        ComponentRule("largest_polygon"),
        ComponentRule("largest_pixels"),
        ComponentRule("largest_rect"),
        ComponentRule("all", several=True),
        ComponentRule("all_with_holes", several=True),
    )
}


def _tool(levels: NDArray[Any], t: int) -> NDArray[np.integer[Any]]:
    from wsol.localization.cam2016_tool import tool_boxes

    return tool_boxes(levels, candidates=2)


_rules["cam2016_tool"] = ComponentRule("cam2016_tool", boxes=_tool, own_levels=True)


def component_rule(name: str, *, several: bool = False) -> Callable[[BoxesOf], BoxesOf]:
    """Register a function as a rule that protocols may name. Raises ConfigError where the name is taken."""

    def register(boxes: BoxesOf) -> BoxesOf:
        old = _rules.get(name)
        if old is not None and getattr(old.boxes, "__qualname__", "") != boxes.__qualname__:
            raise ConfigError(f"there is a component rule {name!r} already; rename one")
        _rules[name] = ComponentRule(name, several=several, boxes=boxes)
        return boxes

    return register


def rule_of(name: str) -> ComponentRule:
    """The rule called `name`. Raises ConfigError with the nearest name."""
    if name not in _rules:
        raise unknown("component rule", name, _rules, error=ConfigError)
    return _rules[name]
