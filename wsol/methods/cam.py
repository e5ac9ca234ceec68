"""CAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.heads import before_pooling
from wsol.methods._common.masks import weighted_sum
from wsol.options import option


@method(
    "cam",
    paper="Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016, eq. 2",
    year=2016,
    needs=("activations", "head"),
    cost="1F",
)
class CAM:
    """CAM: each channel weighted by the class's weight in the linear layer behind the average pooling.

    M = sum_k W[c, k] A_k

    Identities: sum of M / n = y - b (n cells); M = n Grad-CAM before the ReLU.
    Traps: needs a network that ends in average pooling and one linear layer (VGG-16's three do not count). The map is
    signed, as in the paper and its code. The evaluators' mean over channels is the same map up to 1/K.
    """

    relu: bool = option(False, help="keep the positive part only")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        raw = weighted_sum(layer.class_weights, before_pooling(layer))
        return raw.relu() if self.relu else raw
