"""FEM."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import live_channels
from wsol.options import option

ROUNDING = 64  # units of the last place of a channel's largest value; half of that is seen between batch sizes


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
    Rounding, which differs between batch sizes, may decide a vote within a hair of the threshold: such votes are taken
    from the image run alone, at 1F more, so that the batch does not matter.
    """

    kappa: float = option(2.0, help="standard deviations above its channel's mean from which a cell votes")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        activations = layer.activations
        mean, above = _above(activations, self.kappa)
        live = live_channels(activations)[:, :, None, None]
        votes, near = above > 0, _near(activations, above) & live
        for image in near.any((1, 2, 3)).nonzero()[:, 0].tolist():
            alone = layer.query.activations(layer.images[image : image + 1], layer.name)
            again = _above(alone, self.kappa)[1][0] > 0
            votes[image] = torch.where(near[image], again, votes[image])
        # Without this a flat channel's mean, off by rounding, would vote everywhere.
        return torch.where(votes & live, mean, 0).sum(1).to(activations.dtype)


def _above(activations: Tensor, kappa: float) -> tuple[Tensor, Tensor]:
    """(B, K, 1, 1) means and (B, K, H, W) how far each cell is above the threshold of its channel, in float64."""
    wide = activations.double()
    flat = wide.flatten(2)
    mean, spread = (stat[:, :, None, None] for stat in (flat.mean(2), flat.std(2, correction=0)))
    return mean, wide - (mean + kappa * spread)


def _near(activations: Tensor, above: Tensor) -> Tensor:
    """(B, K, H, W) whether rounding could move a cell across its threshold; nowhere in half precision."""
    if activations.dtype not in (torch.float32, torch.float64):
        return torch.zeros_like(above, dtype=torch.bool)
    largest = activations.abs().amax((2, 3), keepdim=True).double()
    return above.abs() <= ROUNDING * torch.finfo(activations.dtype).eps * largest
