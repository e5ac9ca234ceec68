"""Seg-Eigen-CAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.principal import principal_map


@method("segeigencam", paper="Seg-Eigen-CAM, 2025", year=2025)
class SegEigenCAM:
    """Seg-Eigen-CAM: EigenCAM of activations weighted by the gradient's magnitude.

    M = first principal component of |g| * A, turned round if |min M| > |max M|

    Identities: its sign rule is EigenCAM's sign=maxabs.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return principal_map(layer.gradients.abs() * layer.activations, center=False, sign="maxabs")
