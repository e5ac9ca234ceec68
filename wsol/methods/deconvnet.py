"""DeconvNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.color import Reduce, one_map
from wsol.methods._common.relu_rules import ruled_gradient
from wsol.options import NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "deconvnet",
    paper="Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, sec. 2.1",
    year=2014,
    needs=("model",),
    layers="input",
    cost="2F + 1B",
)
class DeconvNet:
    """DeconvNet: a backward pass in which a ReLU lets through what is positive in the signal, whatever it saw before.

    R_in = ReLU(R_out) at every ReLU;  M = max over colours of |R|

    Traps: max-pool switches are those of the forward pass. It says little about the class: compare with `vanillagrad`.
    Smooth activations (SiLU, GELU) have no such rule and keep their gradient.

    Options: reduce = max, sum, l2 over colours; abs, of each colour first; smooth_sigma, a blur in pixels.
    """

    reduce: Reduce = "max"
    abs: bool = True
    smooth_sigma: NotNegative = 0.0

    def __call__(self, layer: LayerFeatures) -> Tensor:
        signal = ruled_gradient(layer, "deconvnet")
        return one_map(signal, reduce=self.reduce, absolute=self.abs, smooth_sigma=self.smooth_sigma)
