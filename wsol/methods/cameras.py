"""CAMERAS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.sizes import pass_at, resized
from wsol.options import Count

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "cameras",
    paper="Jalwana et al., CAMERAS: Enhanced Resolution And Sanity preserving CAM, CVPR 2021",
    year=2021,
    needs=("activations", "model"),
    cost="1F + scales F + scales B",
)
class CAMERAS:
    """CAMERAS: activations and gradients averaged over several input sizes, then LayerCAM-like multiplied.

    A_s, g_s at input size s;  M = ReLU(sum_k mean_s U(A_s) * mean_s U(g_s))

    Identities: one scale is HiResCAM's positive part.
    Traps: the largest size costs about 17 times the pixels of the first. Reading: all sizes are upsampled to the
    layer's largest one, not to the input's, where 2048 channels would take 400 MB an image.

    Options: scales (how many sizes), largest (the last one, in input sides; the paper's 924 / 224).
    """

    scales: Count = 8
    largest: float = 4.125

    def __call__(self, layer: LayerFeatures) -> Tensor:
        height, width = layer.images.shape[-2:]
        factors = [1 + (self.largest - 1) * i / max(1, self.scales - 1) for i in range(self.scales)]
        activations: Tensor | None = None
        gradients: Tensor | None = None
        # The largest first: it sets the size.
        for factor in reversed(factors):
            size = round(height * factor), round(width * factor)
            result = pass_at(layer, resized(layer.images, size))
            a, g = result.activations[layer.name], result.gradients[layer.name]
            if activations is None or gradients is None:
                activations, gradients = a, g
            else:
                target = activations.shape[-2], activations.shape[-1]
                activations, gradients = activations + resized(a, target), gradients + resized(g, target)
        assert activations is not None
        assert gradients is not None
        return (activations * gradients).sum(1).relu() / self.scales**2
