"""Smooth Grad-CAM++."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.gradcam_pp import CANCELLED
from wsol.methods._common.masks import weighted_map
from wsol.methods._common.noise import noisy_images
from wsol.options import Count, NotNegative, option


@method(
    "smoothgradcam_pp",
    paper="Omeiza et al., Smooth Grad-CAM++, 2019, eq. 9-11",
    year=2019,
    needs=("activations", "model"),
    cost="1F + samples F + samples B",
    costly=True,
    quick={"samples": 10},
    stochastic=True,
)
class SmoothGradCAMpp:
    """Smooth Grad-CAM++: Grad-CAM++ with derivatives averaged over noisy copies of the image.

    D_i = mean over noisy inputs of g^i;  alpha = D_1 / (2 D_2 + S_k D_3)
    w_k = sum alpha ReLU(D_1);  M = ReLU(sum_k w_k A_k)

    Identities: numerator=d2 with noise=0 is Grad-CAM++.
    Traps: activations, their sum S_k and the class are those of the clean image. Noise has standard deviation `noise`
    times (max - min) of the image; the inverse and absolute values are in use elsewhere. The average can make the
    denominator cancel to nothing; such a cell is left out. With d1 and noise=0 it is not Grad-CAM++: a cell with g > 0
    weighs 1 / (2 + S_k g), most where the gradient is smallest. No authors' code was found: torch-cam takes D_2 in the
    numerator, sum(A D_3) for S_k D_3, and gradient and activation of the last noisy image; yiskw713's code averages
    Grad-CAM++ maps of the noisy images.
    """

    samples: Count = option(25, help="noisy copies")
    noise: NotNegative = option(0.15, help="standard deviation in units of the image's (max - min)")
    numerator: Literal["d1", "d2"] = option(
        "d1", help="of alpha: D_1 as the paper prints it, or D_2 as Grad-CAM++ would have it"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        first, second, third = self._derivatives(layer)
        total = layer.activations.double().sum((2, 3), keepdim=True)
        denominator = 2 * second + total * third
        usable = denominator.abs() > CANCELLED * (2 * second + (total * third).abs())
        alpha = (first if self.numerator == "d1" else second) / torch.where(usable, denominator, 1)
        weights = (torch.where(usable, alpha, 0) * first.clamp(min=0)).sum((2, 3))
        return weighted_map(weights, layer.activations)

    def _derivatives(self, layer: LayerFeatures) -> tuple[Tensor, Tensor, Tensor]:
        """Mean of g, g^2, g^3 over the noisy inputs, in float64: cubes of small gradients vanish in float32."""
        sums = [torch.zeros_like(layer.activations, dtype=torch.float64) for _ in range(3)]
        for images in noisy_images(layer, samples=self.samples, noise=self.noise):
            gradient = layer.query.forward_backward(images, layer.targets, [layer.name]).gradients[layer.name].double()
            for power, total in enumerate(sums, start=1):
                total += gradient**power
        first, second, third = (total / self.samples for total in sums)
        return first, second, third
