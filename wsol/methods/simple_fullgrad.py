"""Simple FullGrad."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.bias_gradients import at_input, bias_gradients, is_map, magnitude
from wsol.models.forward import INPUT


@method(
    "simple_fullgrad",
    paper="Srinivas & Fleuret, FullGrad's official code, the variant without biases, 2019",
    year=2019,
    needs=("model",),
    layers="input",
    cost="2F + 1B",
)
class SimpleFullGrad:
    """Simple FullGrad: FullGrad without the biases, gradients alone.

    M = psi(x * dy/dx) + sum_l sum_c U(psi(g_l)), l over the layers that have a bias, batch norms included

    Traps: a sum over layers of stretched maps, so wide layers count for more than narrow ones.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        result, biases = bias_gradients(layer)
        raw = magnitude(layer.images * result.gradients[INPUT]).sum(1)
        for name in biases:
            if is_map(layer, name):
                raw = raw + at_input(magnitude(result.gradients[name]), layer)
        return raw
