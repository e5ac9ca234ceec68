"""Grad-CAM on attention."""

from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.attention import row_map, tokens_of
from wsol.models.attention import Attention


@method(
    "attngradcam",
    paper="Chefer et al., Transformer Interpretability Beyond Attention Visualization, CVPR 2021, sec. 4 (baseline)",
    year=2021,
    needs=("attention",),
    layers="input",
    cost="2F + 1B",
)
class AttnGradCAM:
    """Attention Grad-CAM: each head of the last layer weighted by its mean gradient.

    g = dy/dA^L;  M = ReLU(mean_h mean(g[h, cls, patches]) A^L[h, cls, patches])

    Traps: cls stands for the tokens that the head reads; for several of them it is the mean before the ReLU.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        prefix = tokens_of(layer).prefix

        def row(attention: Attention, readers: Tensor) -> Tensor:
            weights = attention.gradients[-1][..., prefix:].mean(-1, keepdim=True)
            return (readers @ (weights * attention.probabilities[-1]).mean(1)).relu()

        return row_map(layer, row, gradients=True)
