"""Grad-CAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import weighted_sum
from wsol.methods._features import Differentiated
from wsol.options import option


@method("gradcam", paper="Selvaraju et al., Grad-CAM, ICCV 2017, eq. 1-2", year=2017)
class GradCAM:
    """Grad-CAM: each channel weighted by its mean gradient.

    M = ReLU(sum_k mean(g_k) A_k)

    Identities: before the ReLU it is CAM / n on a GAP head (n cells), and equals HiResCAM and XGrad-CAM there.
    """

    relu: bool = option(
        True, help="keep the positive part only, as the paper does; false keeps evidence against the class too"
    )
    score: Differentiated = option(
        "logit",
        help="what is differentiated; prob and logprob take 1F + 1B more, and prob has the map of logprob times p",
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        raw = weighted_sum(layer.gradients_of(self.score).mean((2, 3)), layer.activations)
        return raw.relu() if self.relu else raw
