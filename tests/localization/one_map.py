"""One map of one image through the assembly that every command uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol.localization.localize import boxes_along, localize
from wsol.localization.records import ImageMap
from wsol.protocols._base import Protocol
from wsol.views import View, view_named

Grid = NDArray[np.float64]


def map_of(
    raw: NDArray[Any],
    gt: Any = (),
    *,
    size_wh: tuple[int, int] | None = None,
    view: View | str = "squash",
    rgb: NDArray[np.uint8] | None = None,
    full: bool = False,
    shallow: bool = False,
) -> ImageMap:
    """A raw map with the boxes of its image; without `size_wh` a map that is the image pixel for pixel."""
    height, width = raw.shape
    size = size_wh or (width, height)
    chosen = view_named(view, 224) if isinstance(view, str) else view
    return ImageMap(
        raw=raw,
        layout=chosen.layout(size),
        boxes_xyxy=np.reshape(np.asarray(gt, np.float64), (-1, 4)),
        full=full,
        shallow=shallow,
        image=None if rgb is None else Image.fromarray(np.ascontiguousarray(rgb)),
    )


def curve(item: ImageMap, protocol: Protocol) -> tuple[list[float], list[float]]:
    """Breaks and values of the IoU as a step function of tau."""
    found = localize([item], [protocol])[protocol.name].iou
    return found.breaks.tolist(), found.values.tolist()


def boxes_at(item: ImageMap, tau: float, protocol: Protocol) -> NDArray[np.int32]:
    """(m, 4) half-open boxes at one threshold."""
    (boxes,) = boxes_along(item, protocol, [tau])
    return boxes
