"""DeconvNet."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.color import PixelMethod
from wsol.methods._common.relu_rules import ruled_gradient


@method(
    "deconvnet",
    paper="Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, sec. 2.1",
    year=2014,
    needs=("model",),
    layers="input",
    cost="2F + 1B",
)
class DeconvNet(PixelMethod):
    """DeconvNet: a backward pass in which a ReLU lets through what is positive in the signal, whatever it saw before.

    R_in = ReLU(R_out) at every ReLU;  M = max over colors of |R|

    Traps: max-pool switches are those of the forward pass. It says little about the class: compare with `vanillagrad`.
    Smooth activations (SiLU, GELU) have no such rule and keep their gradient.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self.one_map(ruled_gradient(layer, "deconvnet"))
