"""The plain gradient."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.color import PixelMethod


@method(
    "vanillagrad",
    paper="Simonyan et al., Deep Inside Convolutional Networks, ICLR-W 2014, sec. 3.1",
    year=2014,
    layers="input",
)
class VanillaGrad(PixelMethod):
    """Vanilla gradient: how strongly the score reacts to each pixel.

    M = max over colors of |dy/dx|

    Traps: the map is as noisy as the image is sharp; `smooth_sigma` (pixels) blurs it before it is boxed.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self.one_map(layer.gradients)
