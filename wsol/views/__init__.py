"""How images become network input. One file per view; `_base` has the contract."""

from wsol.views._base import Layout, Placement, View, view, view_from, view_named, views
from wsol.views._geometry import boxes_on_canvas, mask_on_canvas, scale_rules
from wsol.views._merge import MergeRule, merge_rules

__all__ = [
    "Layout",
    "MergeRule",
    "Placement",
    "View",
    "boxes_on_canvas",
    "mask_on_canvas",
    "merge_rules",
    "scale_rules",
    "view",
    "view_from",
    "view_named",
    "views",
]
