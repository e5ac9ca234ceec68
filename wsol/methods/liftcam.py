"""LIFT-CAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.deeplift import multipliers
from wsol.methods._common.heads import contributions
from wsol.methods._common.masks import weighted_map


@method(
    "liftcam",
    paper="Jung & Oh, Towards Better Explanations of Class Activation Mapping, ICCV 2021, eq. 9",
    year=2021,
    needs=("activations", "model"),
    cost="1F + 2F + 2B",
)
class LIFTCAM:
    """LIFT-CAM: each channel weighted by its DeepLIFT contribution to the score, against the channel at zero.

    w_k = sum over cells of A_k m_k, m the DeepLIFT multipliers (rescale rule);  M = ReLU(sum_k w_k A_k)

    Identities: the w_k add up to y - y_0, the score without the layer; on a GAP head w_k = W[c, k] mean(A_k), the
    exact SHAP value and Ablation-CAM's numerator, no passes at all; used there.
    Traps: equal to the authors' code, which runs captum's DeepLift from the layer on. Products of two signals
    (squeeze-and-excitation) and softmax keep their gradient, and the contributions no longer add up; nor do they on
    transformers with a class token, which counts in y_0 but is of no cell.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return weighted_map(self.weights(layer), layer.activations)

    def weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K)."""
        if (closed := contributions(layer)) is not None:
            return closed
        factors = layer.once("multipliers", lambda: multipliers(layer))
        return (layer.activations * factors).sum((2, 3))
