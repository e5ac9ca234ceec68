"""Generic attention explainability."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.attention import row_map
from wsol.models.attention import Attention


@method(
    "genericattention",
    paper="Chefer et al., Generic Attention-model Explainability, ICCV 2021, eq. 5-6",
    year=2021,
    needs=("attention",),
    layers="input",
    cost="2F + 1B",
)
class GenericAttention:
    """Generic attention: relevance between tokens, added up layer by layer from attention that helps the class.

    R = I;  R <- R + mean_h ReLU(dy/dA^l * A^l) R, l = 1 ... L;  M = R[cls, patches]

    Identities: one layer gives mean_h ReLU(dy/dA * A)[cls, patches].
    Traps: cls stands for the tokens that the head reads. The earlier method of the same authors (LRP through a
    rewritten network) is another one.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return row_map(layer, _row, gradients=True)


def _row(attention: Attention, readers: Tensor) -> Tensor:
    row = readers.expand(len(attention.logits), 1, -1)
    layers = list(zip(attention.probabilities, attention.gradients, strict=True))
    for probabilities, gradients in reversed(layers):  # R is a product of I + C^l, of which one row is needed
        row = row + row @ (gradients * probabilities).relu().mean(1)
    return row[:, 0]
