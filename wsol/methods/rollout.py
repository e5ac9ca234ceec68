"""Attention rollout."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.attention import row_map
from wsol.models.attention import Attention
from wsol.options import ShareBelowOne, option


@method(
    "rollout",
    paper="Abnar & Zuidema, Quantifying Attention Flow in Transformers, ACL 2020, eq. 1",
    year=2020,
    needs=("attention",),
    layers="input",
    cost="2F",
)
class Rollout:
    """Attention rollout: attention followed through all layers and their skip connections, the same for every class.

    A^l = rows of (fuse_h A^l + I), normalized;  M = (A^L ... A^1)[cls, patches]

    Identities: with mean heads, normalizing A + I is the paper's (A + I) / 2. One layer gives A[cls, patches] / 2.
    Traps: `discard` is no part of the paper: that share of each layer's smallest entries, over all its rows, becomes 0.
    vit-explain never drops the class token's entry for itself, and divides by row sums along columns.
    """

    heads: Literal["mean", "max", "min"] = option("mean", help="how the heads are fused")
    discard: ShareBelowOne = option(
        0.0, help="share of each layer's smallest entries that becomes 0, below 1; not in the paper"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return row_map(layer, self._row, gradients=False)

    def _row(self, attention: Attention, readers: Tensor) -> Tensor:
        layers = [self._mixed(p) for p in attention.probabilities]
        row = readers.expand(len(attention.logits), 1, -1)
        for mixed in reversed(layers):  # from the last layer on, one row is all it takes
            row = row @ mixed
        return row[:, 0]

    def _mixed(self, probabilities: Tensor) -> Tensor:
        """(B, heads, T, T) to (B, T, T), rows of sum 1."""
        if self.heads == "mean":
            fused = probabilities.mean(1)
        else:
            fused = probabilities.amax(1) if self.heads == "max" else probabilities.amin(1)
        if dropped := int(self.discard * fused[0].numel()):
            # Entries that equal the first one kept stay, so that ties don't depend on how they are sorted.
            least = fused.flatten(1).sort().values[:, dropped, None, None]
            fused = torch.where(fused < least, 0, fused)
        mixed = fused + torch.eye(fused.shape[-1], dtype=fused.dtype, device=fused.device)
        rows: Tensor = mixed / mixed.sum(-1, keepdim=True)
        return rows
