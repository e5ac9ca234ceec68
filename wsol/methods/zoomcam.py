"""Zoom-CAM."""

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.sizes import largest, resized
from wsol.methods._common.stretch import by_maximum
from wsol.options import option


@method(
    "zoomcam",
    paper="Shi et al., Zoom-CAM: Generating Fine-grained Pixel Annotations, ICPR 2020",
    year=2020,
    layers="all",
)
class ZoomCAM:
    """Zoom-CAM: gradient times activation at every layer, the largest value over the layers.

    M_l = ReLU(sum_k g_k * A_k);  M = max_l U(M_l / max M_l)

    Traps: it fuses its layers itself; the fusion's options do not apply. The authors' code upsamples the maximum so far
    from layer to layer, deep to shallow (upsampling=stepwise), takes all 13 ReLUs of VGG-16, and subtracts a map's
    minimum before it divides by the maximum: the preset zoomcam_authors, up to the layers.
    """

    upsampling: Literal["direct", "stepwise"] = option(
        "direct", help="maps to the largest size at once, or the maximum so far to the next layer's size"
    )

    def joint(self, layers: Sequence[LayerFeatures]) -> Tensor:
        maps = [by_maximum((layer.gradients * layer.activations).sum(1).relu()) for layer in layers]
        if self.upsampling == "stepwise":
            return reduce(lambda fused, finer: torch.maximum(resized(fused, finer.shape[-2:]), finer), reversed(maps))
        return torch.stack([resized(m, largest(maps)) for m in maps]).amax(0)
