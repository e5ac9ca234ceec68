"""Conformer-S with the head of TS-CAM (Gao et al., ICCV 2021), the network of its results on CUB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from wsol.models.networks._conformer import WIDTHS, Conformer, grid_of
from wsol.models.registered import model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

CHANNELS, HEADS = 384, 6  # of Conformer-S
PATCH = 16  # pixels


class TSCAM(Conformer):
    """Logits from both branches: the mean of a semantic map over the patches, and a linear layer on pooled features."""

    semantic_head = "trans_cls_head"  # a part of the logits is the mean of its output

    def __init__(self, *, num_classes: int, channels: int = CHANNELS, heads: int = HEADS) -> None:
        super().__init__(channels=channels, heads=heads)
        self.trans_cls_head = nn.Conv2d(channels, num_classes, 3, padding=1)
        self.conv_cls_head = nn.Linear(WIDTHS[-1], num_classes)

    def backbone_keys(self) -> Mapping[str, str]:
        """Ours to Conformer's: the same, without its heads."""
        return {name: name for name, _ in self.named_children() if not name.endswith("_head")} | {
            "cls_token": "cls_token"
        }

    def forward(self, images: Tensor) -> Tensor:
        x, tokens = self.features(images)
        size = images.shape[2] // PATCH, images.shape[3] // PATCH
        semantic: Tensor = self.trans_cls_head(grid_of(tokens, size))
        pooled: Tensor = self.conv_cls_head(x.mean((2, 3)))
        return semantic.mean((2, 3)) + pooled


@model("conformer_tscam", needs_weights=True)
def conformer_tscam(*, num_classes: int = 1000) -> nn.Module:
    """Conformer-S with a 3x3 convolution from patch tokens to classes: (B, 3, 224, 224) to logits.

    Parameters have the names and shapes of vasgaowei/TS-CAM, lib/models/conformer.py [read]; the released files
    themselves were not at hand. TS-CAM's map is of the semantic map alone; the logits are the sum of its mean and of a
    linear layer on the pooled features of the convolutional branch. Stochastic depth, which their training may use,
    is left out.

    Raises
    ------
    ModelError : timm is not installed.
    """
    return TSCAM(num_classes=num_classes)
