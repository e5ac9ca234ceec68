"""Zoom-CAM."""

from collections.abc import Sequence

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.sizes import largest, resized
from wsol.methods._common.stretch import by_maximum


@method(
    "zoomcam",
    paper="Shi et al., Zoom-CAM: Generating Fine-grained Pixel Annotations, ICPR 2020",
    year=2020,
    layers="all",
)
class ZoomCAM:
    """Zoom-CAM: gradient times activation at every layer, the largest value over the layers.

    M_l = ReLU(sum_k g_k * A_k);  M = max_l U(M_l / max M_l)

    Traps: no official code. Reading: each layer's positive part is divided by its maximum first. It fuses its layers
    itself; the fusion's options do not apply.
    """

    def joint(self, layers: Sequence[LayerFeatures]) -> Tensor:
        maps = [by_maximum((layer.gradients * layer.activations).sum(1).relu()) for layer in layers]
        return torch.stack([resized(m, largest(maps)) for m in maps]).amax(0)
