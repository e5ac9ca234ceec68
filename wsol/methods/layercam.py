"""LayerCAM."""

from typing import Literal

from torch import Tensor

from wsol.errors import ConfigError
from wsol.methods import LayerFeatures, method
from wsol.methods._common.layercam_authors import gradients_behind_pool
from wsol.methods._features import Differentiated
from wsol.options import option


@method("layercam", paper="Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps, TIP 2021", year=2021)
class LayerCAM:
    """LayerCAM: each location weighted by its own positive gradient.

    M = ReLU(sum_k ReLU(g_k) * A_k)

    Identities: equals element-wise Grad-CAM where A >= 0; equals CAM with ReLU(w), up to 1/n, on a GAP head.
    Traps: right before a pool the gradient is a grid, because the pool sends it to one cell per window. The authors'
    localization script takes the gradient of the pool's output, upsampled (grad_source=next_upsampled); 1F + 1B more.
    """

    grad_source: Literal["same", "next_upsampled"] = option(
        "same",
        help="gradient of the layer's output, or of the next pool's, upsampled with corners aligned (1F + 1B more)",
    )
    pool: str | None = option(None, help="module name of that pool; null for the first one behind the layer")
    score: Differentiated = option("logit", help="what is differentiated; prob and logprob take 1F + 1B more")

    def __post_init__(self) -> None:
        if self.score != "logit" and self.grad_source != "same":
            raise ConfigError(f"layercam: score={self.score} goes with grad_source=same only")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return (self._positive_gradients(layer) * layer.activations).sum(1).relu()

    def _positive_gradients(self, layer: LayerFeatures) -> Tensor:
        if self.grad_source == "next_upsampled":
            return gradients_behind_pool(layer, self.pool).relu()
        return layer.positive_gradients if self.score == "logit" else layer.gradients_of(self.score).relu()
