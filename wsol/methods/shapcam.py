"""SHAP-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.methods.ablationcam import part_size
from wsol.methods.base import LayerFeatures, method
from wsol.methods.masks import Score, target_scores, weighted_map
from wsol.options import Count

if TYPE_CHECKING:
    from torch import Generator, Tensor


@method(
    "shapcam",
    paper="Zheng et al., Shap-CAM: Visual Explanations for CNNs Based on Shapley Value, ECCV 2022",
    year=2022,
    needs=("activations", "model"),
    cost="1F + 1P + K samples P",
    stochastic=True,
)
class ShapCAM:
    """SHAP-CAM: each channel weighted by its Shapley value, estimated from random orders of the channels.

    w_k = mean over orders of f(channels up to k) - f(channels before k), all others at zero;  M = ReLU(sum_k w_k A_k)

    Identities: the w_k add up to f(x) - f(layer at zero) for any number of orders; on a GAP head with the logit every
    order gives W[c, k] mean(A_k), LIFT-CAM's weight, and nothing is run.
    Traps: one order takes as many partial forwards as there are channels. All-zero channels are worth nothing and are
    left out of the orders.

    Options: samples (orders); score = prob, logit.
    """

    samples: Count = 10
    score: Score = "prob"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return weighted_map(self.weights(layer).to(layer.activations.dtype), layer.activations)

    def weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K)."""
        if layer.head is not None and layer.head.linear and self.score == "logit":
            weights: Tensor = layer.head.weight.to(layer.activations)[layer.targets]
            return weights * layer.activations.mean((2, 3))
        generators = layer.generators("shapcam")
        return torch.stack([self._values(layer, image, generator) for image, generator in enumerate(generators)])

    def _values(self, layer: LayerFeatures, image: int, generator: Generator) -> Tensor:
        """(K,) for one image."""
        activations = layer.activations[image]
        alive = activations.flatten(1).any(1)
        values = torch.zeros(len(activations), dtype=layer.logits.dtype, device=activations.device)
        empty = self._scores(layer, image, torch.zeros_like(alive)[None])
        for _ in range(self.samples):
            order = torch.randperm(len(activations), generator=generator).to(activations.device)
            order = order[alive[order]]
            if not len(order):
                break
            rank = torch.full((len(activations),), len(activations), device=activations.device)
            rank[order] = torch.arange(len(order), device=activations.device)
            joined = rank <= torch.arange(len(order), device=activations.device)[:, None]
            scores = torch.cat([empty, self._scores(layer, image, joined)])
            values[order] += scores.diff()
        return values / self.samples

    def _scores(self, layer: LayerFeatures, image: int, kept: Tensor) -> Tensor:
        """(m,) scores with only some channels, (m, K)."""
        answers = []
        for part in torch.split(kept, part_size(layer)):
            activations = layer.activations[image] * part[:, :, None, None]
            logits = layer.query.logits_from(layer.name, activations, layer.images[image])
            answers.append(target_scores(logits, layer.targets[image].expand(len(logits)), self.score))
        return torch.cat(answers)
