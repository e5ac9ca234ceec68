"""The centred Gaussian, a control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.options import PositiveShare

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "centergauss",
    paper="control: the centre Gaussian of Choe et al., Evaluating WSOL Methods Right, CVPR 2020, sec. 4.4",
    role="control",
    year=2020,
    needs=(),
    layers="input",
    cost="0F",
)
class CenterGauss:
    """Centre Gaussian: the same bump in the middle of every image, whatever the image shows.

    M(y, x) = exp(-(y - cy)^2 / (2 (sigma h)^2) - (x - cx)^2 / (2 (sigma w)^2))

    Traps: a control. Its boxes at all thresholds are all centred boxes of the image's proportions, so `sigma` (in
    sides) does not matter under a full threshold sweep.
    """

    sigma: PositiveShare = 1 / 6  # three standard deviations from the centre to the edge

    def __call__(self, layer: LayerFeatures) -> Tensor:
        batch, _, height, width = layer.images.shape
        column, row = (self._bell(side, layer.images) for side in (height, width))
        return (column[:, None] * row).repeat(batch, 1, 1)

    def _bell(self, side: int, like: Tensor) -> Tensor:
        steps = torch.arange(side, device=like.device, dtype=torch.float64) - (side - 1) / 2
        dtype = like.dtype if like.dtype == torch.float64 else torch.float32
        return torch.exp(-(steps**2) / (2 * (self.sigma * side) ** 2)).to(dtype)
