"""DeiT with the head of TS-CAM (Gao et al., ICCV 2021): a semantic map over the patches, whose mean is the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.errors import ConfigError, ModelError, unknown
from wsol.models.registered import model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

TOWERS = {  # channels, heads of attention; twelve blocks over 14 x 14 patches each
    "deit_tiny_patch16_224": (192, 3),
    "deit_small_patch16_224": (384, 6),
    "deit_base_patch16_224": (768, 12),
}


@model("deit_tscam", needs_weights=True)
def deit_tscam(*, num_classes: int = 1000, tower: str = "deit_small_patch16_224") -> nn.Module:
    """DeiT-S with a 3x3 convolution `head` from patch tokens to classes, and its mean: (B, 3, 224, 224) to logits.

    `tower` is timm's name of the transformer. Parameters have timm's names, and the code of TS-CAM derives its network
    from timm's of 2021, so names and shapes are those of its files (vasgaowei/TS-CAM, lib/models/deit.py [read]); the
    released files themselves were not at hand. The class token attends to the patches, and the head does not read it.

    Raises
    ------
    ConfigError : another tower. ModelError : timm is not installed.
    """
    if tower not in TOWERS:
        raise unknown("tower of deit_tscam", tower, TOWERS, error=ConfigError)
    try:
        from timm.models.vision_transformer import VisionTransformer
    except ImportError as error:
        raise ModelError("deit_tscam needs timm, which is not installed: pip install 'wsol[timm]'") from error

    class TSCAM(VisionTransformer):
        def backbone_keys(self) -> Mapping[str, str]:
            """Ours to timm's DeiT: the same."""
            return {name: name for name in ("cls_token", "pos_embed", "patch_embed", "blocks", "norm")}

        def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
            patches = x[:, 1:].transpose(1, 2)
            side = round(patches.shape[2] ** 0.5)
            semantic: Tensor = self.head(patches.reshape(*patches.shape[:2], side, side))
            return semantic.mean((2, 3))

    channels, heads = TOWERS[tower]
    made = TSCAM(patch_size=16, embed_dim=channels, depth=12, num_heads=heads, num_classes=0)
    made.add_module("head", torch.nn.Conv2d(channels, num_classes, 3, padding=1))
    return made
