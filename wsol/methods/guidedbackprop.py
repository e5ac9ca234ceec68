"""Guided backpropagation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.color import Reduce, one_map
from wsol.methods._common.relu_rules import ruled_gradient
from wsol.options import NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "guidedbackprop",
    paper="Springenberg et al., Striving for Simplicity, ICLR-W 2015, sec. 3.4",
    year=2015,
    needs=("model",),
    layers="input",
    cost="2F + 1B",
)
class GuidedBackprop:
    """Guided backpropagation: a ReLU lets through what is positive both in the forward pass and in the signal.

    R_in = 1[x > 0] ReLU(R_out) at every ReLU;  M = max over colours of |R|

    Traps: sharp, and nearly the same for every class: compare with `vanillagrad`. Smooth activations (SiLU, GELU) have
    no such rule and keep their gradient.

    Options: reduce = max, sum, l2 over colours; abs, of each colour first; smooth_sigma, a blur in pixels.
    """

    reduce: Reduce = "max"
    abs: bool = True
    smooth_sigma: NotNegative = 0.0

    def __call__(self, layer: LayerFeatures) -> Tensor:
        signal = ruled_gradient(layer, "guided")
        return one_map(signal, reduce=self.reduce, absolute=self.abs, smooth_sigma=self.smooth_sigma)
