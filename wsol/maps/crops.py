"""Raw maps of several crops to one raw map of the view's canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wsol.localization.resize import resize
from wsol.views import merge_rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.views import Layout


def merge_crops(raws: list[NDArray[np.floating]], layout: Layout, *, rule: str = "sum") -> NDArray[np.floating]:
    """Raw maps of the crops, in the order of the placements, to one raw map of the canvas.

    A single upright crop keeps its own resolution. Otherwise each map is brought to its crop's size (bilinear, corners
    aligned, as layercam_loc does), mirrored back, and merged into the canvas.

    Parameters
    ----------
    rule : a name in `wsol.views.merge_rules`.
    """
    merge = merge_rules[rule]
    if layout.whole:
        return merge.each(raws[0])
    canvas = np.zeros(layout.canvas_wh[::-1], np.float64)
    for raw, placement in zip(raws, layout.placements, strict=True):
        x0, y0, x1, y1 = placement.box
        part = merge.each(resize(np.asarray(raw, np.float64), (x1 - x0, y1 - y0), rule="bilinear_corners"))
        below = canvas[y0:y1, x0:x1]
        merge.into(below, part[:, ::-1] if placement.mirrored else part, out=below)
    return canvas
