"""Element-wise Grad-CAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method


@method("elementwise", paper="element-wise Grad-CAM, as in pytorch-grad-cam (no paper of its own)", year=2021)
class ElementWise:
    """Element-wise Grad-CAM: the positive part of gradient times activation, summed over channels.

    M = sum_k ReLU(g_k * A_k)

    Identities: equals LayerCAM where A >= 0.
    Traps: the ReLU is before the sum; after it, this would be HiResCAM's positive part.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return layer.products.relu().sum(1)
