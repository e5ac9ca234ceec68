"""The same network without training, a control."""

from dataclasses import replace

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.meta import BASE, base_method
from wsol.models.randomize import randomized
from wsol.options import WholeNumber, option


@method(
    "randomnet",
    paper="control: the model randomization of Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018",
    role="control",
    year=2018,
    needs=("activations", "model"),
    cost="2F + 1B",
)
class RandomNet:
    """Random network: another method's map of the same network with random weights.

    M = base method at f', where each parameter of f' is drawn from a normal distribution of the trained one's mean and
    deviation, from (draw, its name)

    Traps: a control. A method that is not better than this shows what the architecture does to an image, not what was
    learned. Running statistics stay the trained ones. The random weights are drawn once and kept beside the network.
    """

    base: str = option("gradcam", help=BASE)
    draw: WholeNumber = option(0, help="which random weights")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        base = base_method(self.base, of="randomnet")
        with randomized(layer.query.module, seed=self.draw, keep=True):
            result = layer.query.forward_backward(layer.images, layer.targets, [layer.name])
        return base(
            replace(
                layer,
                activations=result.activations[layer.name],
                _gradients=result.gradients[layer.name],
                logits=result.logits,
                memo={},
            )
        )
