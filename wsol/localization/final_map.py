"""From a raw map to the map that a protocol thresholds: resized, normalized, quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.frame import space_rules
from wsol.localization.normalize import normalize, normalize_rules, order_rules
from wsol.localization.quantize import quantize, quantize_rules
from wsol.localization.resize import resize, resize_rules, resize_uint8_cubic
from wsol.localization.scratch import buffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wsol.protocols._base import Protocol
    from wsol.views import Layout

MAP_KNOBS = (
    "space",
    "side",
    "resize",
    "resize_uint8",
    "normalise",
    "percentile",
    "order",
    "quantise",
)  # what final maps depend on


def final_map(raw: NDArray[Any], layout: Layout, frame_wh: tuple[int, int], protocol: Protocol) -> NDArray[Any]:
    """The normalized map (H, W) of the frame's size, float64 in [0, 1] or, if quantized, 0..255; 0 outside the region.

    Scores that are in [0, 1] already go through unchanged with ``normalise=none``, as wsolevaluation takes them.
    """
    raw = np.asarray(raw, np.float64)
    x0, y0, x1, y1 = space_rules[protocol.space].region(layout, frame_wh)
    size = (x1 - x0, y1 - y0)
    if protocol.resize_uint8:
        part: NDArray[Any] = resize_uint8_cubic(_grey_levels(raw, protocol), size)
    else:
        part = order_rules[protocol.order].function(
            raw,
            lambda grid: resize(grid, size, rule=protocol.resize),
            lambda grid: _normalized(grid, protocol),
        )
        part = np.clip(part, 0, 1)  # cubic resize of a normalized map overshoots
        levels = quantize_rules[protocol.quantise].levels
        part = part if levels is None else levels(part)
    if size == frame_wh:
        return part
    whole = np.zeros(frame_wh[::-1], part.dtype)
    whole[y0:y1, x0:x1] = part
    return whole


def level_maps(
    raws: Sequence[NDArray[Any]], layouts: Sequence[Layout], frame_wh: tuple[int, int], protocol: Protocol
) -> NDArray[np.uint8]:
    """`final_map` of n maps that share a frame, for protocols that quantize: (n, H, W) grey levels.

    They are in a buffer of the calling thread: use them before it asks for the next ones.
    """
    import cv2

    levels = buffer("levels", (len(raws), frame_wh[1], frame_wh[0]), np.uint8)
    region, whole = space_rules[protocol.space].region, (0, 0, *frame_wh)
    opencv, floor_into = resize_rules[protocol.resize].opencv, normalize_rules[protocol.normalise].floor_into
    plain = order_rules[protocol.order].normalizes_last and quantize_rules[protocol.quantise].floors
    plain = plain and not protocol.resize_uint8 and all(region(layout, frame_wh) == whole for layout in layouts)
    if not plain or opencv is None or floor_into is None:
        for n, (raw, layout) in enumerate(zip(raws, layouts, strict=True)):
            levels[n] = final_map(raw, layout, frame_wh, protocol)
        return levels
    large = buffer("resized", (frame_wh[1], frame_wh[0]), np.float64)
    for n, raw in enumerate(raws):
        cv2.resize(np.ascontiguousarray(raw, np.float64), frame_wh, dst=large, interpolation=opencv)
        floor_into(large, levels[n])
    return levels


def _grey_levels(raw: NDArray[np.float64], protocol: Protocol) -> NDArray[np.uint8]:
    """What is resized as uint8: LayerCAM's float32 arithmetic for its own normalization, floor(255 map) for others."""
    levels = normalize_rules[protocol.normalise].grey_levels
    if levels is not None:
        return levels(raw)
    return quantize(np.clip(_normalized(raw, protocol), 0, 1)).astype(np.uint8)


def _normalized(grid: NDArray[np.float64], protocol: Protocol) -> NDArray[np.float64]:
    options = {knob: getattr(protocol, knob) for knob in normalize_rules[protocol.normalise].knobs}
    return normalize(grid, rule=protocol.normalise, **options)
