"""The centered box, a control."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.models.forward import wide
from wsol.options import PositiveShare, option


@method(
    "centerbox",
    paper="control: one box in the middle of every image",
    role="control",
    year=2020,
    needs=(),
    layers="input",
    cost="0F",
)
class CenterBox:
    """Center box: 1 inside a box in the middle of the image, 0 outside, the same for every image.

    M = 1 in the middle box of `area` times the image's area and with its proportions, else 0

    Traps: a control. Every threshold gives the same box; `area=1` is a flat map, for which `fullbox` exists.
    """

    area: PositiveShare = option(0.5, help="share of the image's area")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        raw = torch.zeros_like(wide(layer.images[:, 0]))
        rows, columns = (self._middle(side) for side in layer.input_size)
        raw[:, rows, columns] = 1
        return raw

    def _middle(self, side: int) -> slice:
        inside = max(1, round(side * self.area**0.5))
        start = (side - inside) // 2
        return slice(start, start + inside)
