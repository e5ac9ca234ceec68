"""Gradient times input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.color import Reduce, one_map
from wsol.options import NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "inputxgrad",
    paper="Shrikumar et al., Not Just a Black Box: Learning Important Features Through Propagating Differences, 2016",
    year=2016,
    layers="input",
)
class InputXGrad:
    """Gradient times input: each pixel's part of the score, to first order.

    M = sum over colours of |x * dy/dx|

    Identities: integrated gradients where the gradient is the same all the way from zero; HiResCAM at the image.
    Traps: x is the normalised image, so a pixel of the mean colour counts for nothing.

    Options: reduce = max, sum, l2 over colours; abs, of each colour first; smooth_sigma, a blur in pixels.
    """

    reduce: Reduce = "sum"
    abs: bool = True
    smooth_sigma: NotNegative = 0.0

    def __call__(self, layer: LayerFeatures) -> Tensor:
        signal = layer.images * layer.gradients
        return one_map(signal, reduce=self.reduce, absolute=self.abs, smooth_sigma=self.smooth_sigma)
