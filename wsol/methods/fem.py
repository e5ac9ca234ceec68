"""FEM."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import live_channels
from wsol.options import option


@method(
    "fem",
    paper="Fuad et al., Features Understanding in 3D CNNs / Feature Explanation Method, IPTA 2020",
    year=2020,
    needs=("activations",),
    cost="1F",
)
class FEM:
    """FEM: each channel votes where it is unusually strong, with its mean as weight; the same for every class.

    B_k = 1[A_k > mu_k + kappa sigma_k];  M = sum_k mu_k B_k

    Traps: pytorch-grad-cam computes sum mean(B_k) A_k, which is another method. A flat channel has no unusual cell.
    """

    kappa: float = option(2.0, help="standard deviations above its channel's mean from which a cell votes")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        activations = layer.activations
        flat = activations.flatten(2)
        mean, spread = (stat[:, :, None, None] for stat in (flat.mean(2), flat.std(2, correction=0)))
        strong = activations > mean + self.kappa * spread
        # Without this a flat channel's mean, off by rounding, would vote everywhere.
        voting = strong & live_channels(activations)[:, :, None, None]
        return torch.where(voting, mean, 0).sum(1)
