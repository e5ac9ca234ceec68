"""The centered Gaussian, a control."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.models.forward import wide
from wsol.options import PositiveShare, option


@method(
    "centergauss",
    paper="control: the center Gaussian of Choe et al., Evaluating WSOL Methods Right, CVPR 2020, sec. 4.4",
    role="control",
    year=2020,
    needs=(),
    layers="input",
    cost="0F",
)
class CenterGauss:
    """Center Gaussian: a Gaussian in the middle of the image, the same for every image.

    M(y, x) = exp(-(y - c_y)^2 / (2 (sigma h)^2) - (x - c_x)^2 / (2 (sigma w)^2))

    Traps: a control. Its boxes at all thresholds are all centered boxes of the image's proportions, so `sigma` (in
    sides) does not matter under a full threshold sweep.
    """

    sigma: PositiveShare = option(
        1 / 6, help="standard deviation in sides of the image; 1/6 has three of them from the center to the edge"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        images = wide(layer.images)
        column, row = (self._bell(side).to(images) for side in layer.input_size)
        return (column[:, None] * row).repeat(len(images), 1, 1)

    def _bell(self, side: int) -> Tensor:
        steps = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
        return torch.exp(-(steps**2) / (2 * (self.sigma * side) ** 2))
