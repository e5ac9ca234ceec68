"""HiResCAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.options import option


@method("hirescam", paper="Draelos & Carin, Use HiResCAM instead of Grad-CAM, 2020, eq. 4", year=2020)
class HiResCAM:
    """HiResCAM: gradient times activation, cell by cell, summed over channels.

    M = sum_k g_k * A_k

    Identities: sum of M = y - b where the rest of the network is linear; Grad-CAM before the ReLU on a GAP head.
    Traps: the map is signed; the paper's ReLU is for display only, so it is off here. Same as TorchRay's linear_approx.
    """

    relu: bool = option(False, help="keep the positive part only")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        raw = layer.products.sum(1)
        return raw.relu() if self.relu else raw
