"""The centred box, a control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.options import PositiveShare

if TYPE_CHECKING:
    from torch import Tensor


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
    """Centre box: one inside a box in the middle of the image, zero outside, whatever the image shows.

    M = 1 in the middle box of `area` times the image's area and with its proportions, else 0

    Traps: a control. Every threshold gives the same box; `area=1` is a flat map, for which `fullbox` exists.
    """

    area: PositiveShare = 0.5

    def __call__(self, layer: LayerFeatures) -> Tensor:
        batch, _, height, width = layer.images.shape
        dtype = layer.images.dtype if layer.images.dtype == torch.float64 else torch.float32
        raw = torch.zeros(batch, height, width, dtype=dtype, device=layer.images.device)
        tall, wide = (max(1, round(side * self.area**0.5)) for side in (height, width))
        top, left = (height - tall) // 2, (width - wide) // 2
        raw[:, top : top + tall, left : left + wide] = 1
        return raw
