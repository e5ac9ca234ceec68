"""Attention-based dropout (ADL: Choe and Shim, CVPR 2019), a layer without weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionDropout(nn.Module):
    """While training, (B, K, h, w) times a map of its own mean over channels; in eval mode the identity.

    With a = mean_k A_k the map is the importance map sigmoid(a), or, in the batches for which `drops` is set, the drop
    mask [a < threshold max(a)], with the maximum of each image. Both carry no weights; the importance map has a
    gradient, the mask none. Until a technique has set `threshold` it is the identity while training, too.

    Attributes
    ----------
    threshold : share in [0, 1] of the maximum from which on cells are hidden. drops : whether this batch's are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threshold: float | None = None
        self.drops = False

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or self.threshold is None:
            return features
        attention = features.mean(1, keepdim=True)
        return features * (drop_mask(attention, self.threshold) if self.drops else attention.sigmoid())

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}"


def drop_mask(attention: Tensor, threshold: float) -> Tensor:
    """(B, 1, h, w) to the same: 0 from `threshold` times each image's maximum on, 1 below it."""
    highest = attention.flatten(1).amax(1)[:, None, None, None]
    return (attention < threshold * highest).to(attention)


def adl_layers(network: nn.Module) -> list[AttentionDropout]:
    """Those of a network, in the order of its modules; of one in a wrapper (DDP), too."""
    return [part for part in network.modules() if isinstance(part, AttentionDropout)]


def draw(layers: list[AttentionDropout], drop_rate: float, generator: torch.Generator) -> None:
    """Whether each layer drops in the next batch: one number each, with probability `drop_rate`."""
    for layer, number in zip(layers, torch.rand(len(layers), generator=generator).tolist(), strict=True):
        layer.drops = number < drop_rate
