"""XGrad-CAM."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import weighted_sum
from wsol.options import NotNegative, option


@method("xgradcam", paper="Fu et al., Axiom-based Grad-CAM, BMVC 2020, eq. 8", year=2020)
class XGradCAM:
    """XGrad-CAM: each channel weighted by its gradient, averaged with the activation as weight.

    w_k = sum(g_k A_k) / S_k, S_k = sum of A_k;  M = ReLU(sum_k w_k A_k)

    Identities: equals Grad-CAM and HiResCAM before the ReLU on a GAP head.
    Traps: on signed activations S_k can vanish and the weight explode; a sum of mere rounding noise gives weight 0.
    The official code adds 1e-6 to S_k.
    """

    relu: bool = option(True, help="keep the positive part only; false keeps evidence against the class too")
    eps: NotNegative = option(0.0, help="added to S_k; 1e-6 in the official code")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        activations, total = layer.activations, layer.totals
        noise = torch.finfo(total.dtype).eps * activations.abs().sum((2, 3))
        usable = (total.abs() > noise) & (total + self.eps != 0)
        weights = layer.products.sum((2, 3)) / torch.where(usable, total + self.eps, 1)
        raw = weighted_sum(torch.where(usable, weights, 0), activations)
        return raw.relu() if self.relu else raw
