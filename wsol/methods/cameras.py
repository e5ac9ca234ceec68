"""CAMERAS."""

from typing import Annotated

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
    layer's largest one, not to the input's, where 2048 channels would take 400 MB per image.
    """

    scales: Count = option(8, help="how many input sizes")
    largest: Annotated[float, Range(0, 16, above=True)] = option(
        4.125, help="the last size, in sides of the network input; 924 / 224 in the paper"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        factors = [1 + (self.largest - 1) * i / max(1, self.scales - 1) for i in range(self.scales)]
        activations, gradients = _pass_at(layer, factors.pop())  # the largest sets the size
        for factor in reversed(factors):
            a, g = _pass_at(layer, factor)
            activations = activations + resized(a, activations.shape[-2:])
            gradients = gradients + resized(g, gradients.shape[-2:])
        return (activations * gradients).sum(1).relu() / self.scales**2


def _pass_at(layer: LayerFeatures, factor: float) -> tuple[Tensor, Tensor]:
    """Activations and gradients of the images at `factor` times their size."""
    height, width = layer.input_size
    result = pass_at(layer, resized(layer.images, (round(height * factor), round(width * factor))))
    return result.activations[layer.name], result.gradients[layer.name]
