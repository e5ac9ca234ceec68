"""Component rules without compiled code: asked at one threshold after the other, into the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.component_rules import rule_of
from wsol.localization.iou import finish_boxes, iou
from wsol.localization.levels import LevelTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.localization.frame import Frame
    from wsol.protocols._base import Protocol


def asked_one_by_one(ranks: NDArray[Any], frames: Sequence[Frame], protocol: Protocol, *, levels: int) -> LevelTable:
    """The table of a rule without compiled code: asked wherever the foreground changes."""
    table = empty_table(len(ranks), levels, protocol)
    for i, (grid, frame) in enumerate(zip(ranks, frames, strict=True)):
        changes = [t for t in np.unique(np.append(grid, 0)).tolist() if t < levels]
        for t, end in zip(changes, [*changes[1:], levels], strict=True):
            boxes = asked(grid.astype(np.int32), t, protocol)
            table.iou[i, t:end] = _best_iou(boxes, frame, protocol)
            if table.count is not None:
                table.count[i, t:end] = len(boxes)
            if table.boxes is not None and len(boxes):
                table.boxes[i, t:end] = boxes[0]
    return table


def asked(levels: NDArray[Any], t: int, protocol: Protocol) -> NDArray[np.int32]:
    """The boxes that a rule without compiled code gives at one threshold, as many as may count."""
    rule = rule_of(protocol.component)
    assert rule.boxes is not None
    boxes = np.asarray(rule.boxes(levels, t), np.int32).reshape(-1, 4)
    return boxes if rule.several else boxes[: protocol.candidates]


def _best_iou(boxes: NDArray[Any], frame: Frame, protocol: Protocol) -> float:
    finished = finish_boxes(boxes, box_end=protocol.box_end, clip_wh=frame.size_wh if protocol.clip else None)
    if not len(boxes):
        empty = {"zero_box": [[0.0] * 4], "unit_box": [[0.0, 0.0, 1.0, 1.0]], "miss": np.zeros((0, 4))}
        finished = np.array(empty.get(protocol.empty, full_box(frame.size_wh, protocol)))
    return float(iou(finished, frame.gt_boxes, convention=protocol.iou).max(initial=0.0))


def full_box(size_wh: tuple[int, int], protocol: Protocol) -> NDArray[np.float64]:
    """(1, 4) the whole frame as the protocol writes boxes."""
    frame = np.array([[0, 0, *size_wh]], np.float64)
    return finish_boxes(frame, box_end=protocol.box_end, clip_wh=size_wh if protocol.clip else None)


def empty_table(maps: int, levels: int, protocol: Protocol) -> LevelTable:
    several = rule_of(protocol.component).several
    one = not several and protocol.candidates == 1
    return LevelTable(
        np.zeros((maps, levels)),
        np.zeros((maps, levels), np.int32) if several else None,
        np.zeros((maps, levels, 4), np.int32) if one else None,
    )
