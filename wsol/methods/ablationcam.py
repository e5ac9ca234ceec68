"""Ablation-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.masks import weighted_map

if TYPE_CHECKING:
    from torch import Tensor

PART_BYTES = 128 * 2**20  # replaced activations held at a time: 64 channels of 224 x 224 are 13 MB a copy


@method(
    "ablationcam",
    paper="Desai & Ramaswamy, Ablation-CAM, WACV 2020, eq. 4-5",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K P",
)
class AblationCAM:
    """Ablation-CAM: each channel weighted by how much the score falls when the channel is set to zero.

    w_k = (y - y_without_k) / y;  M = ReLU(sum_k w_k A_k)

    Identities: on a GAP head w_k = W[c, k] mean(A_k) / y, no forwards at all; used where such a head is found.
    Traps: division by y turns the map round where y < 0 (divide=none is safe, and the same map elsewhere). The paper
    starts from the slope (y - y_without_k) / ||A_k|| (divide=norm). Zero means zero: a large negative number in its
    place, as some code has it, makes the map depend on the batch. All-zero channels cost no forward: nothing changes
    without them.
    """

    divide: Literal["score", "norm", "none"] = "score"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        drop = layer.once("drop", lambda: score_drops(layer))
        weights = drop
        if self.divide == "score":
            y = layer.scores[:, None]
            weights = drop / torch.where(y == 0, 1, y)
        elif self.divide == "norm":
            norm = layer.activations.flatten(2).norm(dim=2)
            weights = drop / torch.where(norm == 0, 1, norm)
        return weighted_map(weights.to(layer.activations.dtype), layer.activations)


def score_drops(layer: LayerFeatures) -> Tensor:
    """(B, K) y - y_without_k: from the head where it is linear in the activations, else from partial forwards."""
    if layer.head is not None and layer.head.linear:
        weights: Tensor = layer.head.weight.to(layer.activations)[layer.targets]
        return weights * layer.activations.mean((2, 3))
    drops = torch.zeros(layer.activations.shape[:2], dtype=layer.logits.dtype, device=layer.logits.device)
    for image, target in enumerate(layer.targets.tolist()):
        whole = layer.activations[image]
        used = whole.flatten(1).any(1).nonzero()[:, 0]
        if not len(used):
            continue
        for channels in torch.split(used, part_size(layer)):
            without = whole.expand(len(channels), *whole.shape).clone()
            without[torch.arange(len(channels), device=whole.device), channels] = 0
            answer = layer.query.logits_from(layer.name, without, layer.images[image])
            drops[image, channels] = layer.scores[image] - answer[:, target]
    return drops


def part_size(layer: LayerFeatures) -> int:
    """How many copies of one image's activations to hold at a time."""
    one = layer.activations[0].numel() * layer.activations.element_size()
    return max(1, min(layer.query.chunk, PART_BYTES // one))
