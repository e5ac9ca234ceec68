"""From a raw map to the map that a protocol thresholds: resized, normalized, quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.grey import minmax_levels
from wsol.localization.resize import OPENCV, normalise, quantise, resize, resize_uint8_cubic, uint8_by_max
from wsol.localization.scratch import buffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wsol.protocols._base import Protocol
    from wsol.views import Layout

MAP_KNOBS = ("space", "side", "resize", "resize_uint8", "normalise", "order", "quantise")  # what final maps depend on


def final_map(raw: NDArray[Any], layout: Layout, frame_wh: tuple[int, int], protocol: Protocol) -> NDArray[Any]:
    """The normalized map (H, W) of the frame's size, float64 in [0, 1] or, if quantized, 0..255; 0 outside the region.

    Scores that are in [0, 1] already go through unchanged with ``normalise=none``, as wsolevaluation takes them.
    """
    raw = np.asarray(raw, np.float64)
    if protocol.space == "original":
        x0, y0, x1, y1 = (round(v) for v in layout.region_xyxy)
        size = (x1 - x0, y1 - y0)
    else:
        x0, y0, size = 0, 0, frame_wh
    if protocol.resize_uint8:
        part: NDArray[Any] = resize_uint8_cubic(_grey_levels(raw, protocol), size)
    else:
        if protocol.order == "normalise_first":
            raw = normalise(raw, rule=protocol.normalise)
        part = resize(raw, size, rule=protocol.resize)
        if protocol.order == "resize_first":
            part = normalise(part, rule=protocol.normalise)
        part = np.clip(part, 0, 1)  # cubic resize of a normalized map overshoots
        if protocol.quantise == "floor_uint8":
            part = quantise(part)
    if size == frame_wh:
        return part
    whole = np.zeros(frame_wh[::-1], part.dtype)
    whole[y0 : y0 + size[1], x0 : x0 + size[0]] = part
    return whole


def level_maps(
    raws: Sequence[NDArray[Any]], layouts: Sequence[Layout], frame_wh: tuple[int, int], protocol: Protocol
) -> NDArray[np.uint8]:
    """`final_map` of n maps that share a frame, for protocols that quantize: (n, H, W) grey levels.

    They are in a buffer of the calling thread: use them before it asks for the next ones.
    """
    import cv2

    levels = buffer("levels", (len(raws), frame_wh[1], frame_wh[0]), np.uint8)
    plain = (protocol.order, protocol.normalise, protocol.resize_uint8) == ("resize_first", "minmax", False)
    if not (plain and protocol.space == "square" and protocol.resize in OPENCV):
        for n, (raw, layout) in enumerate(zip(raws, layouts, strict=True)):
            levels[n] = final_map(raw, layout, frame_wh, protocol)
        return levels
    how, large = OPENCV[protocol.resize], buffer("resized", (frame_wh[1], frame_wh[0]), np.float64)
    for n, raw in enumerate(raws):
        cv2.resize(np.ascontiguousarray(raw, np.float64), frame_wh, dst=large, interpolation=how)
        minmax_levels(large, levels[n])
    return levels


def _grey_levels(raw: NDArray[np.float64], protocol: Protocol) -> NDArray[np.uint8]:
    """What is resized as uint8: LayerCAM's float32 arithmetic for its own rule, plain floor(255 map) for others."""
    if protocol.normalise == "max":
        return uint8_by_max(raw)
    return quantise(np.clip(normalise(raw, rule=protocol.normalise), 0, 1)).astype(np.uint8)
