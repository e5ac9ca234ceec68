"""EigenCAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.principal import PrincipalMethod


@method(
    "eigencam",
    paper="Muhammad & Yeasin, Eigen-CAM, IJCNN 2020, eq. 2-3",
    year=2020,
    needs=("activations",),
    cost="1F",
)
class EigenCAM(PrincipalMethod):
    """EigenCAM: the activations projected on their first principal component, the same for every class.

    A as n × K = U S V^T;  M = A v_1

    Traps: the sign of v_1 is arbitrary, and a ReLU on an unsigned map inverts it half of the time; `sign` settles it.
    The paper does not center; pytorch-grad-cam does (center=true).
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self.component(layer.activations)
