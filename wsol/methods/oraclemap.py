"""The object itself on the grid of a layer, a ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.coverage import Region, coverage, shifts
from wsol.models.forward import wide
from wsol.options import Count, Range, option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@method(
    "oraclemap",
    paper="ceiling: the ground truth on the grid of a layer (our choice)",
    role="ceiling",
    year=2026,
    needs=("activations", "truth"),
    cost="1F",
)
class OracleMap:
    """Oracle map: the object itself, as sharp as a map of this layer's size can show it.

    M(y, x) = share of cell (y, x) that the object covers

    The object is each ground-truth box, and where there is a mask also its part in the box. It is drawn at `shifts`
    places within a cell. Of all these maps the best one counts, at the threshold that is best for this one image, under
    each protocol on its own.

    Traps: a ceiling, not a method: it is made of the ground truth. That no map of this size scores higher is not
    proved, and not so for some images: a map may happen to fit better than the share of covered cells. On 200 embedded
    test images, nine methods at five layers of shapes_gap under three protocols were higher in 2 of 27,000 cases, by
    less than 0.001 in IoU; on 909 photographs, five methods at the 7 x 7 layer of MobileNetV2 under V1 and V2 in 33 of
    9,090, by at most 0.03 (2026-11-27; results/ceiling_exceptions.md lists them). Metrics other
    than a protocol's see the first map alone. Where a protocol's threshold is fixed, the best one is taken all the
    same, and no graph cut.
    """

    shifts: Annotated[int, Range(1, 64)] = option(8, help="places within a cell at which the object is drawn")
    boxes: Count = option(8, help="at most that many ground-truth boxes per image, the largest ones")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return torch.ones_like(wide(layer.activations[:, 0]))  # its size alone: the truth is drawn on it elsewhere

    def drawn(self, regions: Sequence[Region], grid_hw: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
        """Every map (h, w) of an image's regions, the first region in its own place before all others."""
        for shift in shifts(self.shifts):
            for region in regions:
                yield coverage(region, grid_hw, shift)
