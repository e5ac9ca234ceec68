"""ShapleyCAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import weighted_map
from wsol.models.cost import Cost
from wsol.models.forward import wide
from wsol.models.scores import target_logit, target_logprob
from wsol.options import option


@method(
    "shapleycam",
    paper="Cai, CAMs as Shapley Value-based Explainers, 2025",
    year=2025,
    needs=("activations", "model", "second_derivatives"),
    cost="2F + 2B",
)
class ShapleyCAM:
    """ShapleyCAM: Grad-CAM with the second-order term of the score's expansion, half a Hessian-vector product.

    f = y + log p;  w_k = mean(g_k - 1/2 (H A)_k), g and H the gradient and the Hessian of f at A
    M = ReLU(sum_k w_k A_k)

    Identities: Grad-CAM where the Hessian is 0: score=logit behind a piecewise linear rest of the network; with
    pooled=false it is element-wise Grad-CAM there.
    Traps: the ReLU's second derivative is 0, so on ReLU networks only log p has a Hessian. `log p` goes flat for
    confident images, `y` does not: that is why the score is their sum. This is the method as its author brought it into
    pytorch-grad-cam. The author's own repository (state ee02cce) has M = sum_k ReLU((g_k - 1/2 (H A)_k) A_k), cell by
    cell (pooled=false): the preset shapleycam_authors.
    """

    score: Literal["rest", "logit", "logprob"] = option(
        "rest", help="f: y + log p (rest), y (logit) or log p (logprob)"
    )

    pooled: bool = option(True, help="one weight per channel, the mean; false weights each cell on its own")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        weights = layer.once(("shapley", self.score), lambda: self._weights(layer))
        if self.pooled:
            return weighted_map(weights.mean((2, 3)), layer.activations)
        return (weights * layer.activations).relu().sum(1)

    def _weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K, H, W) g - 1/2 H A."""

        def score(logits: Tensor, targets: Tensor) -> Tensor:
            own = target_logit(logits, targets)
            if self.score == "logit":
                return own
            sure = target_logprob(logits, targets)
            return sure if self.score == "logprob" else own + sure

        result = layer.query.forward_backward(layer.images, layer.targets, [layer.name], score=score, create_graph=True)
        gradient, activations = result.gradients[layer.name], result.activations[layer.name]
        curved = torch.zeros_like(gradient)
        if gradient.requires_grad:
            with torch.enable_grad():
                along = (gradient * activations.detach()).sum()
            # None means that the gradient is the same at any activation: the Hessian is 0
            product = torch.autograd.grad(along, result.roots[layer.name], allow_unused=True)[0]
            if product is not None:
                grid = layer.query.grids.get(layer.name)
                curved = wide(product if grid is None else grid.unfold(product))
        layer.query.cost += Cost(backwards=len(layer.images))
        return (gradient - curved / 2).detach()
