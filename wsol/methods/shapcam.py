"""SHAP-CAM."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.heads import contributions
from wsol.methods._common.masks import SCORE, Score, target_scores, weighted_map
from wsol.options import Count, option


@method(
    "shapcam",
    paper="Zheng et al., Shap-CAM: Visual Explanations for CNNs Based on Shapley Value, ECCV 2022",
    year=2022,
    needs=("activations", "model"),
    cost="1F + 1P + K samples P",
    costly=True,
    quick={"samples": 2},
    stochastic=True,
)
class ShapCAM:
    """SHAP-CAM: each channel weighted by its Shapley value, estimated from random orders of the channels.

    w_k = mean over orders of f(channels up to k) - f(channels before k), all others at zero;  M = ReLU(sum_k w_k A_k)

    Identities: the w_k add up to f(x) - f(layer at zero) for any number of orders; on a GAP head with the logit every
    order gives W[c, k] mean(A_k), LIFT-CAM's weight, and nothing is run.
    Traps: one order takes as many partial forwards as there are channels. All-zero channels are worth nothing and are
    left out of the orders.
    """

    samples: Count = option(10, help="orders of the channels")
    score: Score = option("prob", help=SCORE)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return weighted_map(self.weights(layer), layer.activations)

    def weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K)."""
        closed = contributions(layer) if self.score == "logit" else None
        if closed is not None:
            return closed
        generators = layer.generators("shapcam")
        return torch.stack([self._values(layer, image, generator) for image, generator in enumerate(generators)])

    def _values(self, layer: LayerFeatures, image: int, generator: Generator) -> Tensor:
        """(K,) for one image."""
        activations = layer.activations[image]
        device = activations.device
        values = torch.zeros(len(activations), dtype=layer.logits.dtype, device=device)
        used = activations.flatten(1).any(1)
        orders = [torch.randperm(len(used), generator=generator).to(device) for _ in range(self.samples)]
        orders = [order[used[order]] for order in orders]
        length = len(orders[0])
        # When a channel joins, by order; those that are zero never do. Row 0 is the layer without any.
        joins = torch.full((self.samples, len(used)), length, device=device)
        for rank, order in zip(joins, orders, strict=True):
            rank[order] = torch.arange(length, device=device)

        def kept(row: Tensor) -> Tensor:
            sample, step = (row - 1) // max(length, 1), (row - 1) % max(length, 1)
            return (joins[sample] <= step[:, None]) & (row > 0)[:, None]

        rows = torch.arange(1 + self.samples * length, device=device)
        scores = self._scores(layer, image, rows, kept)
        for order, along in zip(orders, scores[1:].view(self.samples, length), strict=True):
            values[order] += torch.cat([scores[:1], along]).diff()
        return values / self.samples

    def _scores(self, layer: LayerFeatures, image: int, rows: Tensor, kept: Callable[[Tensor], Tensor]) -> Tensor:
        """(m,) scores with only some channels; `kept` tells (rows, K) which."""
        target = layer.targets[image]
        blocks = (layer.activations[image] * kept(part)[:, :, None, None] for part in layer.parts(rows))
        return torch.cat(
            [
                target_scores(logits, target.expand(len(logits)), self.score)
                for _, logits in layer.query.stream_from(layer.name, blocks, layer.images[image])
            ]
        )
