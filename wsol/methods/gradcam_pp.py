"""Grad-CAM++."""

from typing import Literal

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.gradcam_pp import author_code, paper, sum_ag3
from wsol.methods._common.masks import weighted_map
from wsol.options import option


@method("gradcam_pp", paper="Chattopadhyay et al., Grad-CAM++, WACV 2018, eq. 19", year=2018)
class GradCAMpp:
    """Grad-CAM++: each channel weighted by its positive gradients, cells with a large one counting less.

    alpha = g^2 / (2 g^2 + S_k g^3) = 1 / (2 + S_k g), S_k = sum of A_k
    w_k = sum alpha ReLU(g);  M = ReLU(sum_k w_k A_k)

    Identities: w_k = sum over g > 0 of g / (2 + S_k g); on a GAP head w_k = n ReLU(g) / (2 + g S_k).
    Traps: the equation holds for exp(y) as the score, whose factor is constant per image and left out. An absolute
    epsilon in the denominator swamps real gradients (1e-6 is more than 2 g^2 + S g^3 for most channels of a ResNet-50).
    Where signed activations make 2 + S_k g cancel to nothing, the cell is left out.
    """

    alpha: Literal["paper", "author_code", "sum_ag3"] = option(
        "paper",
        help="paper: eq. 19; author_code: made to sum to 1 over positive gradients; sum_ag3: over 2 g^2 + "
        "sum(A g^3), as ports have it",
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return weighted_map(self._weights(layer), layer.activations)

    def _weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K) w_k."""
        if self.alpha == "paper":
            return paper(layer.totals, layer.positive_gradients)
        reading = author_code if self.alpha == "author_code" else sum_ag3
        return reading(layer.activations, layer.gradients)
