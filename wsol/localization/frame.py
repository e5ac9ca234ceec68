"""Where a protocol compares boxes for one image, and the way back to the pixels of the stored image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.registry import Rules
from wsol.views import boxes_on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.protocols._base import Protocol
    from wsol.views import Layout

    Boxes = NDArray[np.float64]

FRAME_KNOBS = ("space", "side", "gt_boxes", "gt_origin", "gt_scale", "gt_rounding")  # what `frame_of` depends on


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of the frame in which boxes are compared, and the ground truth (g, 4) in it."""

    size_wh: tuple[int, int]
    gt_boxes: Boxes


class SpaceRule(ABC):
    """A space in which boxes are compared, beside the pixels of the stored image."""

    @abstractmethod
    def size_wh(self, stored_wh: tuple[int, int], side: int) -> tuple[int, int]:
        """The size of its frame for an image; `side` is the protocol's."""

    @abstractmethod
    def region(self, layout: Layout, frame_wh: tuple[int, int]) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1: the part of the frame that a map of the layout covers."""

    @abstractmethod
    def boxes(self, stored: Boxes, layout: Layout, frame_wh: tuple[int, int], scale: str) -> Boxes:
        """Boxes (n, 4) of the stored image in the frame; `scale` is the protocol's `gt_scale`."""

    @abstractmethod
    def stored(self, boxes: Boxes, layout: Layout, side: int) -> Boxes:
        """Boxes (n, 4) of the frame in pixels of the stored image; boxes without area become all zeros."""

    @abstractmethod
    def pixels(self, image: Image, layout: Layout, frame_wh: tuple[int, int]) -> Image:
        """A stored image in the frame, where its maps and boxes are."""


space_rules: Rules[SpaceRule] = Rules("space for boxes", lambda cls: cls())


@space_rules.rule("square")
class Square(SpaceRule):
    """A square over the canvas of the view."""

    def size_wh(self, stored_wh: tuple[int, int], side: int) -> tuple[int, int]:
        return side, side

    def region(self, layout: Layout, frame_wh: tuple[int, int]) -> tuple[int, int, int, int]:
        return 0, 0, *frame_wh

    def boxes(self, stored: Boxes, layout: Layout, frame_wh: tuple[int, int], scale: str) -> Boxes:
        return boxes_on_canvas(stored, layout, frame_wh, scale=scale)

    def stored(self, boxes: Boxes, layout: Layout, side: int) -> Boxes:
        x0, y0, x1, y1 = layout.region_xyxy
        moved = boxes * (np.array([x1 - x0, y1 - y0] * 2) / side) + (x0, y0, x0, y0)
        moved[(boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])] = 0
        return moved

    def pixels(self, image: Image, layout: Layout, frame_wh: tuple[int, int]) -> Image:
        from PIL import Image as Pillow

        return image.resize(frame_wh, Pillow.Resampling.BILINEAR, box=layout.region_xyxy)


@space_rules.rule("original")
class Original(SpaceRule):
    """The pixels of the stored image."""

    def size_wh(self, stored_wh: tuple[int, int], side: int) -> tuple[int, int]:
        return stored_wh

    def region(self, layout: Layout, frame_wh: tuple[int, int]) -> tuple[int, int, int, int]:
        x0, y0, x1, y1 = (round(v) for v in layout.region_xyxy)
        return x0, y0, x1, y1

    def boxes(self, stored: Boxes, layout: Layout, frame_wh: tuple[int, int], scale: str) -> Boxes:
        return stored

    def stored(self, boxes: Boxes, layout: Layout, side: int) -> Boxes:
        return boxes

    def pixels(self, image: Image, layout: Layout, frame_wh: tuple[int, int]) -> Image:
        return image


# which of the ground-truth boxes (g, 4) count
truth_rules: Rules[Callable[[Boxes], Boxes]] = Rules("choice of ground-truth boxes", lambda function: function)


@truth_rules.rule("any")
def _any(boxes: Boxes) -> Boxes:
    return boxes


@truth_rules.rule("first")
def _first(boxes: Boxes) -> Boxes:
    return boxes[:1]


# from ground-truth boxes (g, 4) and the size of their frame to rounded ones
rounding_rules: Rules[Callable[[Boxes, tuple[int, int]], Boxes]] = Rules(
    "rounding of ground-truth boxes", lambda function: function
)


@rounding_rules.rule("none")
def _as_scaled(boxes: Boxes, size_wh: tuple[int, int]) -> Boxes:
    return boxes


@rounding_rules.rule("trunc")
def _trunc(boxes: Boxes, size_wh: tuple[int, int]) -> Boxes:
    return np.trunc(boxes)


@rounding_rules.rule("trunc_inside")
def _trunc_inside(boxes: Boxes, size_wh: tuple[int, int]) -> Boxes:
    return np.minimum(np.trunc(boxes), (size_wh[0] - 1, size_wh[1] - 1) * 2)


def frame_of(boxes_xyxy: Boxes, layout: Layout, protocol: Protocol) -> Frame:
    """The frame of an image whose map covers `layout`; `boxes_xyxy` (g, 4) are in pixels of the stored image."""
    boxes = truth_rules[protocol.gt_boxes](np.asarray(boxes_xyxy, np.float64).reshape(-1, 4) - protocol.gt_origin)
    space = space_rules[protocol.space]
    size = space.size_wh(layout.stored_wh, protocol.side)
    boxes = space.boxes(boxes, layout, size, protocol.gt_scale)
    return Frame(size, rounding_rules[protocol.gt_rounding](boxes, size))


def in_stored_pixels(boxes: NDArray[Any], layout: Layout, *, space: str, side: int) -> Boxes:
    """Boxes (n, 4) of a protocol's frame in pixels of the stored image; boxes without area become all zeros.

    Parameters
    ----------
    space, side : of the protocol.
    """
    return space_rules[space].stored(np.asarray(boxes, np.float64).reshape(-1, 4), layout, side)
