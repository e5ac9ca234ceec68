"""Gradient times input."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.color import PixelMethod, Reduce


@method(
    "inputxgrad",
    paper="Shrikumar et al., Not Just a Black Box: Learning Important Features Through Propagating Differences, 2016",
    year=2016,
    layers="input",
)
class InputXGrad(PixelMethod):
    """Gradient times input: each pixel's part of the score, to first order.

    M = sum over colors of |x * dy/dx|

    Identities: integrated gradients where the gradient is the same all the way from zero; HiResCAM at the image.
    Traps: x is the normalized image, so a pixel of the mean color counts for nothing.
    """

    reduce: Reduce = "sum"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self.one_map(layer.images * layer.gradients)
