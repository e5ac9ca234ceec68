"""Guided Grad-CAM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.color import Reduce, one_map
from wsol.methods._common.relu_rules import ruled_gradient
from wsol.methods.gradcam import GradCAM
from wsol.models.forward import INPUT
from wsol.options import NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "guidedgradcam",
    paper="Selvaraju et al., Grad-CAM, ICCV 2017, sec. 3.2",
    year=2017,
    needs=("activations", "gradients", "model"),
    cost="2F + 2B",
)
class GuidedGradCAM:
    """Guided Grad-CAM: guided backpropagation, kept where Grad-CAM is.

    M = max over colours of |GB * U(Grad-CAM)|, at the input's size

    Traps: where Grad-CAM is empty, so is this map. Guided backpropagation brings the detail, Grad-CAM the class.

    Options: up = bilinear, or nearest (captum's default); reduce = max, sum, l2 over colours; abs, of each colour
    first; smooth_sigma, a blur in pixels.
    """

    up: Literal["bilinear", "nearest"] = "bilinear"
    reduce: Reduce = "max"
    abs: bool = True
    smooth_sigma: NotNegative = 0.0

    def __call__(self, layer: LayerFeatures) -> Tensor:
        guided = ruled_gradient(
            replace(layer, name=INPUT), "guided"
        )  # one signal for all layers, and for guidedbackprop
        coarse = GradCAM()(layer)[:, None]
        align = None if self.up == "nearest" else False
        fine = torch.nn.functional.interpolate(coarse, size=guided.shape[-2:], mode=self.up, align_corners=align)
        return one_map(guided * fine, reduce=self.reduce, absolute=self.abs, smooth_sigma=self.smooth_sigma)
