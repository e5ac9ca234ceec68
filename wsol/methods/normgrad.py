"""NormGrad."""

from torch import Tensor

from wsol.methods import LayerFeatures, method


@method(
    "normgrad", paper="Rebuffi et al., There and Back Again: Revisiting Backpropagation Saliency, CVPR 2020", year=2020
)
class NormGrad:
    """NormGrad: how much a 1x1 convolution at the layer would change its weights for this cell.

    M_ij = ||g_ij|| ||A_ij||, norms over channels: the Frobenius norm of their outer product

    Traps: never negative, so it shows evidence for and against the class alike.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        raw: Tensor = layer.gradients.norm(dim=1) * layer.activations.norm(dim=1)
        return raw
