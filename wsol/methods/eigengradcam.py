"""Eigen Grad-CAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.principal import PrincipalMethod


@method("eigengradcam", paper="Eigen Grad-CAM, as in pytorch-grad-cam (no paper of its own)", year=2021)
class EigenGradCAM(PrincipalMethod):
    """Eigen Grad-CAM: EigenCAM of gradient times activation, so that it knows the class.

    M = first principal component of g * A (n × K)

    Traps: the sign is arbitrary, as in EigenCAM; `sign` settles it.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self.component(layer.gradients * layer.activations)
