"""Edges of the image, a control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.methods._base import LayerFeatures, method

if TYPE_CHECKING:
    from torch import Tensor


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

    M = sqrt(Sx^2 + Sy^2), Sobel differences of the colours' mean, borders repeated

    Traps: a control. Many input-space methods look like it, and it knows nothing of the class.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        dtype = layer.images.dtype if layer.images.dtype == torch.float64 else torch.float32
        grey = layer.images.to(dtype).mean(1)
        down = _difference(_smooth(grey, 2), 1)
        across = _difference(_smooth(grey, 1), 2)
        return (down.square() + across.square()).sqrt()


def _smooth(maps: Tensor, dim: int) -> Tensor:
    before, after = _neighbours(maps, dim)
    return before + 2 * maps + after


def _difference(maps: Tensor, dim: int) -> Tensor:
    before, after = _neighbours(maps, dim)
    return after - before


def _neighbours(maps: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Each cell's predecessor and successor along `dim`; at the border, itself."""
    side = maps.shape[dim]
    first, last = maps.narrow(dim, 0, 1), maps.narrow(dim, side - 1, 1)
    before = torch.cat([first, maps.narrow(dim, 0, side - 1)], dim)
    after = torch.cat([maps.narrow(dim, 1, side - 1), last], dim)
    return before, after
