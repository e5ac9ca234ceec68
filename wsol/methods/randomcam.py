"""Random-CAM."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import weighted_sum
from wsol.options import option


@method(
    "randomcam",
    paper="control: channel weights drawn at random",
    role="control",
    year=2020,
    needs=("activations",),
    cost="1F",
    stochastic=True,
)
class RandomCAM:
    """Random-CAM: each channel weighted by a random number, uniform in [-1, 1).

    M = sum_k r_k A_k

    Traps: a control, not a method. The numbers depend on (run seed, image id) only.
    """

    relu: bool = option(False, help="keep the positive part only")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        channels = layer.activations.shape[1]
        drawn = [torch.rand(channels, generator=g, dtype=torch.float64) for g in layer.generators("randomcam")]
        raw = weighted_sum((2 * torch.stack(drawn) - 1).to(layer.activations.device), layer.activations)
        return raw.relu() if self.relu else raw
