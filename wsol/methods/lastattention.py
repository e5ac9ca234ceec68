"""Attention of the last layer."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.attention import row_map
from wsol.models.attention import Attention


@method(
    "lastattention",
    paper="Caron et al., Emerging Properties in Self-Supervised Vision Transformers, ICCV 2021, fig. 1",
    year=2021,
    needs=("attention",),
    layers="input",
    cost="2F",
)
class LastAttention:
    """Last-layer attention: what the class token attends to, the same for every class.

    M = mean_h A^L[cls, patches]

    Traps: cls stands for the tokens that the head reads: where it pools the patches, M is their mean attention.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return row_map(layer, _row, gradients=False)


def _row(attention: Attention, readers: Tensor) -> Tensor:
    return readers @ attention.probabilities[-1].mean(1)
