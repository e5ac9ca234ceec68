"""Boxes and masks of the stored image on a view's canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.views._base import Layout


Scale = Callable[[Any, Any, Any], Any]

# from coordinates, the sizes of what they are in, and the sizes of the target; the two differ in the last bit, and so
# in what they are truncated to
scale_rules: Rules[Scale] = Rules("rule for scaling coordinates", lambda function: function)


@scale_rules.rule("multiply_first")
def _multiply_first(c: Any, stored: Any, target: Any) -> Any:
    return c * target / stored  # clovaai/wsolevaluation


@scale_rules.rule("divide_first")
def _divide_first(c: Any, stored: Any, target: Any) -> Any:
    return c / stored * target  # vasgaowei/TS-CAM


def boxes_on_canvas(
    boxes_xyxy: NDArray[np.float64],
    layout: Layout,
    size_wh: tuple[int, int] | None = None,
    *,
    scale: str = "multiply_first",
) -> NDArray[np.float64]:
    """Boxes (g, 4) of the stored image in pixels of a `size_wh` canvas (default: the layout's), clipped to it.

    `scale` names one of `scale_rules`. On a cropped canvas the crop's offset is subtracted after scaling.
    """
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    canvas, stored, resized = (_twice(wh) for wh in (layout.canvas_wh, layout.stored_wh, layout.resized_wh))
    frame = canvas if size_wh is None else _twice(size_wh)
    whole = layout.resized_wh == layout.canvas_wh
    target = frame if whole else resized
    scaled = scale_rules[scale](boxes, stored, target)
    if not whole:
        scaled = (scaled - (*layout.offset, *layout.offset)) * (frame / canvas)
    return np.asarray(scaled.clip(0, frame), np.float64)


def _twice(size_wh: tuple[int, int]) -> NDArray[np.float64]:
    """(W, H) as the frame of a box: W, H, W, H."""
    return np.array((*size_wh, *size_wh), np.float64)


def mask_on_canvas(
    mask: NDArray[np.uint8], layout: Layout, size_wh: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """(H, W) mask of the stored image on a `size_wh` canvas, by nearest neighbor: 0, 1 and 255 stay what they are.

    The mask may have another size than the image; it covers all of it.
    """
    import cv2

    scale = np.array(mask.shape[::-1]) / layout.stored_wh
    x0, y0, x1, y1 = (round(v) for v in np.array(layout.region_xyxy) * (*scale, *scale))
    part = mask[y0:y1, x0:x1]
    return np.asarray(cv2.resize(part, size_wh or layout.canvas_wh, interpolation=cv2.INTER_NEAREST), np.uint8)
