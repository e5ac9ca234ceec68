"""CAMERAS."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.sizes import pass_at, resized
from wsol.options import Count, Range, option


@method(
    "cameras",
    paper="Jalwana et al., CAMERAS: Enhanced Resolution And Sanity preserving CAM, CVPR 2021",
    year=2021,
    needs=("activations", "model"),
    cost="1F + scales F + scales B",
    costly=True,
    quick={"scales": 2},
)
class CAMERAS:
    """CAMERAS: activations and gradients averaged over several input sizes, then LayerCAM-like multiplied.

    A_s, g_s at input size s;  M = ReLU(sum_k mean_s U(A_s) * mean_s U(g_s))

    Identities: one scale is HiResCAM's positive part.
    Traps: the largest size costs about 17 times the pixels of the first. Reading: all sizes are upsampled to the
    layer's largest one, not to the input's, where 2048 channels would take 400 MB per image. The authors' code does so
    (size=input), and resizes the images by bicubic interpolation: the preset cameras_authors.
    """

    scales: Count = option(8, help="how many input sizes")
    largest: Annotated[float, Range(0, 16, above=True)] = option(
        4.125, help="the last size, in sides of the network input; 924 / 224 in the paper"
    )

    size: Literal["layer", "input"] = option("layer", help="size of the map: of the layer's largest, or of the input")
    images: Literal["bilinear", "bicubic"] = option("bilinear", help="interpolation of the images")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        height, width = layer.input_size
        size = layer.input_size if self.size == "input" else None
        activations, gradients = torch.zeros(()), torch.zeros(())
        for i in reversed(range(self.scales)):  # the largest sets the layer's size
            factor = 1 + (self.largest - 1) * i / max(1, self.scales - 1)
            sides = round(height * factor), round(width * factor)
            result = pass_at(layer, resized(layer.images, sides, mode=self.images))
            a, g = result.activations[layer.name], result.gradients[layer.name]
            size = size or (a.shape[-2], a.shape[-1])
            activations, gradients = activations + resized(a, size), gradients + resized(g, size)
        return (activations * gradients).sum(1).relu() / self.scales**2
