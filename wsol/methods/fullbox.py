"""The full-image box, a control."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.models.forward import wide


@method(
    "fullbox",
    paper="control: the whole image as the box",
    role="control",
    year=2020,
    needs=(),
    layers="input",
    cost="0F",
    constant_is_full=True,
)
class FullBox:
    """Full box: the whole image as the box.

    M = 1 everywhere

    Traps: a control. A flat map means no box for every other method, and the box of the whole image for this one.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return torch.ones_like(wide(layer.images[:, 0]))
