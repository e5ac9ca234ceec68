"""KPCA-CAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.principal import CENTER, SIGN, Sign, signed
from wsol.options import option

SIDE = 28  # cells per side at most: the kernel is n x n, and its eigenvectors take n^3


@method(
    "kpcacam",
    paper="Karmani et al., KPCA-CAM, 2024",
    year=2024,
    needs=("activations",),
    cost="1F",
)
class KPCACAM:
    """KPCA-CAM: EigenCAM with a kernel, cells compared by tanh(x.y / K + 1) in place of x.y.

    x, y = cells of A_k - mean(A_k);  C = centered kernel of the cells (n × n);  M = v_1 sqrt(lambda_1)

    Traps: without centering the channels (center=false) products of large activations saturate the tanh, and what is
    left is noise or nothing; pytorch-grad-cam centers them. The sign is arbitrary, as in EigenCAM; `sign` settles it.
    The sigmoid kernel is not always positive; a first eigenvalue that is not gives an empty map. Layers larger than 28
    x 28 cells are averaged down first.
    """

    kernel: Literal["sigmoid", "rbf", "linear"] = option(
        "sigmoid", help="sigmoid: tanh(x.y / K + 1); rbf: exp(-|x - y|^2 / K); linear: x.y"
    )
    center: bool = option(True, help=CENTER)
    sign: Sign = option("maxabs", help=SIGN)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        activations = layer.activations
        height, width = (min(side, SIDE) for side in activations.shape[-2:])
        if (height, width) != tuple(activations.shape[-2:]):
            activations = torch.nn.functional.adaptive_avg_pool2d(activations, (height, width))
        images = activations.flatten(2).double()
        maps = [signed(self._component(channels), channels, self.sign) for channels in images]
        return torch.stack(maps).reshape(-1, height, width).to(layer.activations.dtype)

    def _component(self, channels: Tensor) -> Tensor:
        """(K, n) to (n,)."""
        count, cells = channels.shape
        if self.center:
            channels = channels - channels.mean(1, keepdim=True)
        product = channels.T @ channels
        if self.kernel == "rbf":
            squares = product.diagonal()
            kernel = torch.exp(-(squares[:, None] + squares - 2 * product) / count)
        else:
            kernel = torch.tanh(product / count + 1) if self.kernel == "sigmoid" else product
        centered = kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()
        values, vectors = torch.linalg.eigh(centered)
        noise = torch.finfo(torch.float64).eps * cells * kernel.abs().amax()
        if values[-1] <= noise:  # cells that are all alike leave rounding noise only
            return torch.zeros_like(channels[0])
        first: Tensor = vectors[:, -1] * values[-1].sqrt()
        return first
