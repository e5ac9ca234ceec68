"""Seg-Eigen-CAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.principal import CENTER, principal_map
from wsol.options import option


@method("segeigencam", paper="Seg-Eigen-CAM, 2025", year=2025)
class SegEigenCAM:
    """Seg-Eigen-CAM: EigenCAM of activations weighted by the gradient's magnitude.

    M = first principal component of |g| * A, centered over the cells, turned round if |min M| > |max M|

    Identities: its sign rule is EigenCAM's sign=maxabs.
    Traps: no authors' code was found; centered as in pytorch-grad-cam, which cites the paper's equations 10-13.
    EigenCAM and Eigen Grad-CAM are not centered by default.
    """

    center: bool = option(True, help=CENTER)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return principal_map(layer.gradients.abs() * layer.activations, center=self.center, sign="maxabs")
