"""Guided Grad-CAM."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.color import PixelMethod
from wsol.methods._common.relu_rules import ruled_gradient
from wsol.methods.gradcam import GradCAM
from wsol.models.forward import INPUT
from wsol.options import option


@method(
    "guidedgradcam",
    paper="Selvaraju et al., Grad-CAM, ICCV 2017, sec. 3.2",
    year=2017,
    needs=("activations", "gradients", "model"),
    cost="2F + 2B",
)
class GuidedGradCAM(PixelMethod):
    """Guided Grad-CAM: guided backpropagation, kept where Grad-CAM is.

    M = max over colors of |GB * U(Grad-CAM)|, at the input's size

    Traps: where Grad-CAM is empty, so is this map. Guided backpropagation brings the detail, Grad-CAM the class.
    """

    up: Literal["bilinear", "nearest"] = option(
        "bilinear", help="how Grad-CAM is brought to the input's size; captum's default is nearest"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        guided = ruled_gradient(replace(layer, name=INPUT), "guided")  # shared by all layers, and with guidedbackprop
        coarse = GradCAM()(layer)[:, None]
        align = None if self.up == "nearest" else False
        fine = torch.nn.functional.interpolate(coarse, size=guided.shape[-2:], mode=self.up, align_corners=align)
        return self.one_map(guided * fine)
