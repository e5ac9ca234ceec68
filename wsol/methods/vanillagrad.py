"""The plain gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.color import Reduce, one_map
from wsol.options import NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "vanillagrad",
    paper="Simonyan et al., Deep Inside Convolutional Networks, ICLR-W 2014, sec. 3.1",
    year=2014,
    layers="input",
)
class VanillaGrad:
    """Vanilla gradient: how strongly the score reacts to each pixel.

    M = max over colours of |dy/dx|

    Traps: the map is as noisy as the image is sharp; `smooth_sigma` (pixels) blurs it before it is boxed.

    Options: reduce = max, sum, l2 over colours; abs, of each colour first; smooth_sigma, a blur in pixels.
    """

    reduce: Reduce = "max"
    abs: bool = True
    smooth_sigma: NotNegative = 0.0

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return one_map(layer.gradients, reduce=self.reduce, absolute=self.abs, smooth_sigma=self.smooth_sigma)
