"""Guided backpropagation."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.color import PixelMethod
from wsol.methods._common.relu_rules import ruled_gradient


@method(
    "guidedbackprop",
    paper="Springenberg et al., Striving for Simplicity, ICLR-W 2015, sec. 3.4",
    year=2015,
    needs=("model",),
    layers="input",
    cost="2F + 1B",
)
class GuidedBackprop(PixelMethod):
    """Guided backpropagation: a ReLU lets through what is positive both in the forward pass and in the signal.

    R_in = 1[x > 0] ReLU(R_out) at every ReLU;  M = max over colors of |R|

    Traps: sharp, and nearly the same for every class: compare with `vanillagrad`. Smooth activations (SiLU, GELU) have
    no such rule and keep their gradient.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self.one_map(ruled_gradient(layer, "guided"))
