"""Ablation-CAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.heads import contributions
from wsol.methods._common.masks import weighted_map
from wsol.options import option


@method(
    "ablationcam",
    paper="Desai & Ramaswamy, Ablation-CAM, WACV 2020, eq. 4-5",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K P",
    costly=True,
)
class AblationCAM:
    """Ablation-CAM: each channel weighted by how much the score falls when the channel is set to zero.

    w_k = (y - y_without_k) / y;  M = ReLU(sum_k w_k A_k)

    Identities: on a GAP head w_k = W[c, k] mean(A_k) / y, no forwards at all; used where such a head is found.
    Traps: division by y inverts the map where y < 0; divide=none does not, and gives the same map elsewhere. Zero means
    zero: a large negative number in its place, as some code has it, makes the map depend on the batch. All-zero
    channels cost no forward: nothing changes without them.
    """

    divide: Literal["score", "norm", "none"] = option(
        "score", help="what the fall is divided by: y, ||A_k|| (the paper's starting point), or nothing"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        drops = layer.once("drop", lambda: score_drops(layer))
        norms: Tensor = layer.activations.flatten(2).norm(dim=2)
        by = {"score": layer.scores[:, None], "norm": norms, "none": torch.ones_like(drops)}[self.divide]
        return weighted_map(drops / torch.where(by == 0, 1, by), layer.activations)


def score_drops(layer: LayerFeatures) -> Tensor:
    """(B, K) y - y_without_k: from the head where it is linear in the activations, else from partial forwards."""
    if (closed := contributions(layer)) is not None:
        return closed
    drops = torch.zeros(layer.activations.shape[:2], dtype=layer.logits.dtype, device=layer.logits.device)
    for image, target in enumerate(layer.targets.tolist()):
        whole = layer.activations[image]
        used = whole.flatten(1).any(1).nonzero()[:, 0]
        blocks = (_without(whole, channels) for channels in layer.parts(used))
        for part, logits in layer.query.stream_from(layer.name, blocks, layer.images[image]):
            drops[image, used[part]] = layer.scores[image] - logits[:, target]
    return drops


def _without(whole: Tensor, channels: Tensor) -> Tensor:
    """(m, K, H, W) copies of (K, H, W) activations, each with one channel at zero."""
    copies = whole.expand(len(channels), *whole.shape).clone()
    copies[torch.arange(len(channels), device=whole.device), channels] = 0
    return copies
