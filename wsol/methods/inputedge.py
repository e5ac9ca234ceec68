"""Edges of the image, a control."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.models.forward import wide


@method(
    "inputedge",
    paper="control: Sobel edges, after Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018",
    role="control",
    year=2018,
    needs=(),
    layers="input",
    cost="0F",
)
class InputEdge:
    """Input edges: the image's own gradient, with no network at all.

    M = sqrt(S_x^2 + S_y^2), Sobel differences of the colors' mean, borders repeated

    Traps: a control. Many input-space methods resemble it, and it does not depend on the class.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        gray = wide(layer.images).mean(1)
        down = _difference(_smooth(gray, 2), 1)
        across = _difference(_smooth(gray, 1), 2)
        return (down.square() + across.square()).sqrt()


def _smooth(maps: Tensor, dim: int) -> Tensor:
    return _neighbor(maps, dim, -1) + 2 * maps + _neighbor(maps, dim, 1)


def _difference(maps: Tensor, dim: int) -> Tensor:
    return _neighbor(maps, dim, 1) - _neighbor(maps, dim, -1)


def _neighbor(maps: Tensor, dim: int, step: int) -> Tensor:
    """Each pixel's neighbor `step` further along `dim`; at the border, itself."""
    side = maps.shape[dim]
    return maps.index_select(dim, (torch.arange(side, device=maps.device) + step).clamp(0, side - 1))
