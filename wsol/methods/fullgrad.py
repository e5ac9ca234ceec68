"""FullGrad."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.bias_gradients import at_input, bias_gradients, is_map, magnitude
from wsol.models.forward import INPUT


@method(
    "fullgrad",
    paper="Srinivas & Fleuret, Full-Gradient Representation for Neural Network Visualization, NeurIPS 2019, eq. 6",
    year=2019,
    needs=("model",),
    layers="input",
    cost="2F + 1B",
)
class FullGrad:
    """FullGrad: the image's part of the score plus every bias's part, over all layers.

    M = psi(x * dy/dx) + sum_l sum_c U(psi(b_l * g_l));  psi = min-max of |.| over the layer's tensor of an image

    Identities: y = x . dy/dx + sum_l b_l . g_l, exactly, where the network is piecewise linear.
    Traps: the biases of a batch norm are beta - mu gamma / sigma. psi stretches a layer's whole tensor; stretching
    each channel alone, as pytorch-grad-cam does, loses their magnitudes. Fully connected biases count in the sum, not
    in the map. U is bilinear with corners aligned, as in the official code.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        result, biases = bias_gradients(layer)
        raw = magnitude(layer.images * result.gradients[INPUT]).sum(1)
        for name, bias in biases.items():
            if is_map(layer, name):
                raw = raw + at_input(magnitude(bias[:, None, None] * result.gradients[name]), layer)
        return raw
