"""Where a protocol compares boxes for one image, and the way back to the pixels of the stored image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.views import boxes_on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols._base import Protocol
    from wsol.views import Layout

FRAME_KNOBS = ("space", "side", "gt_boxes", "gt_origin", "gt_scale", "gt_rounding")  # what `frame_of` depends on


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of the frame in which boxes are compared, and the ground truth (g, 4) in it."""

    size_wh: tuple[int, int]
    gt_boxes: NDArray[np.float64]


def frame_of(boxes_xyxy: NDArray[np.float64], layout: Layout, protocol: Protocol) -> Frame:
    """The frame of an image whose map covers `layout`; `boxes_xyxy` (g, 4) are in pixels of the stored image."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4) - protocol.gt_origin
    if protocol.gt_boxes == "first":
        boxes = boxes[:1]
    if protocol.space == "original":
        size = layout.stored_wh
    else:
        size = (protocol.side, protocol.side)
        boxes = boxes_on_canvas(boxes, layout, size, divide_first=protocol.gt_scale == "divide_first")
    if protocol.gt_rounding != "none":
        boxes = np.trunc(boxes)
    if protocol.gt_rounding == "trunc_inside":
        boxes = np.minimum(boxes, (size[0] - 1, size[1] - 1) * 2)
    return Frame(size, boxes)


def in_stored_pixels(boxes: NDArray[Any], layout: Layout, *, space: str, side: int) -> NDArray[np.float64]:
    """Boxes (n, 4) of a protocol's frame in pixels of the stored image; boxes of no area become all zeros.

    Parameters
    ----------
    space, side : of the protocol.
    """
    moved = np.asarray(boxes, np.float64).reshape(-1, 4)
    if space != "original":
        x0, y0, x1, y1 = layout.region_xyxy
        moved = moved * (np.array([x1 - x0, y1 - y0] * 2) / side) + (x0, y0, x0, y0)
        moved[(boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])] = 0
    return moved
