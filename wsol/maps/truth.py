"""Maps that are drawn from annotations, for ceilings: on the grid that a method's own map has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from wsol.maps.crops import merge_crops
from wsol.methods._common.coverage import Region
from wsol.views import boxes_on_canvas, mask_on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.maps.source import Loaded
    from wsol.views import Layout, Placement


class DrawsTruth(Protocol):
    """A method that needs ``truth``."""

    @property
    def boxes(self) -> int: ...

    def drawn(self, regions: Sequence[Region], grid_hw: tuple[int, int]) -> Iterator[NDArray[np.float64]]: ...


def truth_maps(
    method: DrawsTruth, one: Loaded, layout: Layout, grids: Sequence[tuple[int, int]], *, merge: str
) -> Iterator[NDArray[Any]]:
    """Every raw map (h, w) that a method draws of an image's truth, on its canvas; zeros alone where there is no truth.

    Parameters
    ----------
    grids : by crop, in the order of the placements, the size of its map.
    """
    crops = [
        method.drawn(_regions(one, layout, placement, method.boxes), grid)
        for placement, grid in zip(layout.placements, grids, strict=True)
    ]
    empty = True
    for maps in zip(*crops, strict=True):
        empty = False
        yield merge_crops(list(maps), layout, rule=merge)
    if empty:
        yield merge_crops([np.zeros(grid) for grid in grids], layout, rule=merge)


def _regions(one: Loaded, layout: Layout, placement: Placement, most: int) -> list[Region]:
    """The objects of an image in shares of one of its crops, the largest box first, its mask before the box itself."""
    stored = np.asarray(one.sample.boxes_xyxy, np.float64).reshape(-1, 4)
    areas = (stored[:, 2] - stored[:, 0]) * (stored[:, 3] - stored[:, 1])
    boxes = boxes_on_canvas(stored[np.argsort(-areas, kind="stable")[:most]], layout)
    x0, y0, x1, y1 = placement.box
    shares = ((boxes - (x0, y0, x0, y0)) / (x1 - x0, y1 - y0, x1 - x0, y1 - y0)).clip(0, 1)
    mask = None if one.mask is None else (mask_on_canvas(one.mask, layout)[y0:y1, x0:x1] == 1).astype(np.uint8)
    if placement.mirrored:
        shares = np.stack([1 - shares[:, 2], shares[:, 1], 1 - shares[:, 0], shares[:, 3]], axis=1)
        mask = None if mask is None else mask[:, ::-1]
    drawn = [(float(a), float(b), float(c), float(d)) for a, b, c, d in shares]
    if mask is None:
        return [Region(box) for box in drawn]
    return [
        Region(box, part) for box in drawn or [(0.0, 0.0, 1.0, 1.0)] for part in ((mask, None) if drawn else (mask,))
    ]
