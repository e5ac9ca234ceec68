"""Grad-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.methods._base import Differentiated, LayerFeatures, method

if TYPE_CHECKING:
    from torch import Tensor


@method("gradcam", paper="Selvaraju et al., Grad-CAM, ICCV 2017, eq. 1-2", year=2017)
class GradCAM:
    """Grad-CAM: each channel weighted by its mean gradient.

    M = ReLU(sum_k mean(g_k) A_k)

    Identities: before the ReLU it is CAM / n on a GAP head (n cells), and equals HiResCAM and XGrad-CAM there.

    Options: relu=false keeps evidence against the class, too. What is differentiated: score = logit, or prob or
    logprob, which take 1F + 1B more; prob has the map of logprob, times p.
    """

    relu: bool = True  # the paper keeps only evidence for the class
    score: Differentiated = "logit"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        weights = layer.gradients_of(self.score).mean((2, 3), keepdim=True)
        raw = (weights * layer.activations).sum(1)
        return raw.relu() if self.relu else raw
