"""Rules without compiled code: called at one threshold after the other, into the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.boxes import empty_box, finished
from wsol.localization.component_rules import component_rules
from wsol.localization.iou import iou
from wsol.localization.levels import LevelTable, boxes_above

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.localization.frame import Frame
    from wsol.protocols._base import Protocol


def table_one_by_one(
    ranks: NDArray[Any], frames: Sequence[Frame], protocol: Protocol, component: str, *, levels: int
) -> LevelTable:
    """The table of n maps (n, H, W) under a component rule: boxes wherever the foreground changes, and their IoU."""
    table = empty_table(len(ranks), levels, protocol)
    for i, (grid, frame) in enumerate(zip(ranks, frames, strict=True)):
        changes = [t for t in np.unique(np.append(grid, 0)).tolist() if t < levels]
        for t, end in zip(changes, [*changes[1:], levels], strict=True):
            boxes = counted_boxes(grid.astype(np.int32), t, protocol, component)
            size = frame.size_wh
            written = finished(boxes, size, protocol) if len(boxes) else empty_box(size, protocol)
            table.iou[i, t:end] = iou(written, frame.gt_boxes, convention=protocol.iou).max(initial=0.0)
            if table.count is not None:
                table.count[i, t:end] = len(boxes)
            if table.boxes is not None and len(boxes):
                table.boxes[i, t:end] = boxes[0]
    return table


def counted_boxes(levels: NDArray[Any], t: int, protocol: Protocol, component: str) -> NDArray[np.int32]:
    """The half-open boxes (m, 4) of {levels > t} that count under a component rule, for whole numbers (H, W)."""
    rule = component_rules[component]
    if rule.boxes is None:
        return boxes_above(levels > t, component=component, connectivity=protocol.connectivity)
    boxes = np.asarray(rule.boxes(levels, t), np.int32).reshape(-1, 4)
    return boxes if rule.several else boxes[: protocol.candidates]


def empty_table(maps: int, levels: int, protocol: Protocol) -> LevelTable:
    """The table of maps without boxes."""
    several = component_rules[protocol.component].several
    one = not several and protocol.candidates == 1
    return LevelTable(
        np.zeros((maps, levels)),
        np.zeros((maps, levels), np.int32) if several else None,
        np.zeros((maps, levels, 4), np.int32) if one else None,
    )
