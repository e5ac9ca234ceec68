"""Heads that stand in place of a network's own, so that CAM applies: average pooling and one linear layer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from wsol.errors import LayerError, ModelError, first_line
from wsol.models.classifier import seeded
from wsol.models.stages import resolve_layer

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.models.classifier import Classifier


class Maps(nn.Module):
    """What is pooled, (B, K, h, w), as a module that hooks can see: some networks end in a function such as `cat`."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps


class PooledHead(nn.Module):
    """A network up to one layer, average pooling and one linear layer: (B, 3, h, w) to (B, num_classes).

    It takes the place of fully connected layers, as in Zhou et al. (CVPR 2016), section 3.
    """

    def __init__(self, trunk: nn.Module, channels: int, num_classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.maps = Maps()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.avgpool(self.maps(self.trunk(images)["maps"])).flatten(1))
        return logits

    def backbone_keys(self) -> Mapping[str, str]:
        """Prefix of parameters here to the prefix in the network that the trunk is from."""
        return {"trunk": ""}


class TokenHead(nn.Module):
    """The patch tokens of a transformer of timm as a grid, a 1x1 convolution, ReLU, average pooling, one linear layer.

    (B, 3, h, w) to (B, num_classes). `maps` is what CAM reads.
    """

    def __init__(self, trunk: nn.Module, num_classes: int, width: int) -> None:
        super().__init__()
        known: Any = trunk
        try:
            self.prefix, self.grid = int(known.num_prefix_tokens), tuple(known.patch_embed.grid_size)
            channels = int(known.num_features)
        except AttributeError as error:
            raise ModelError(
                f"{type(trunk).__name__} has no patch tokens in a grid ({error}); recipe.new_head=tokens takes the "
                "vision transformers of timm, such as timm/vit_small_patch14_dinov2.lvd142m"
            ) from error
        self.trunk = trunk
        self.maps = nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU())
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        trunk: Any = self.trunk
        tokens = trunk.forward_features(images)[:, self.prefix :]
        grid = tokens.transpose(1, 2).reshape(len(tokens), -1, *self.grid)
        logits: Tensor = self.fc(self.avgpool(self.maps(grid)).flatten(1))
        return logits

    def backbone_keys(self) -> Mapping[str, str]:
        """See `PooledHead`."""
        return {"trunk": ""}


def with_pooled_head(classifier: Classifier, layer: str, num_classes: int) -> tuple[nn.Module, str]:
    """`PooledHead` on a network of torchvision, or any that `torch.fx` can trace, and the dotted name of the layer.

    Parameters
    ----------
    layer : the last one that is kept: a dotted name, or ``last`` or ``stage4``.

    Raises
    ------
    LayerError : no such layer. ModelError : a network that can't be cut.
    """
    from torchvision.models.feature_extraction import create_feature_extractor

    dotted = resolve_layer(classifier, layer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trunk = create_feature_extractor(classifier.module, {dotted: "maps"})
            with torch.no_grad():
                maps = trunk.eval()(classifier.example)["maps"]
    except Exception as error:  # control flow that depends on values: each raises its own
        raise ModelError(
            f"{classifier.name} can't be cut behind {dotted} ({first_line(error)}); use recipe.new_head=linear"
        ) from error
    if maps.ndim != 4:
        raise LayerError(f"layer {dotted!r} of {classifier.name} has no (channels, height, width); choose another")
    with seeded():
        return PooledHead(trunk, maps.shape[1], num_classes), dotted


def with_token_head(trunk: nn.Module, num_classes: int, width: int) -> TokenHead:
    """`TokenHead` with seeded weights. Raises ModelError for a network without a grid of tokens."""
    with seeded():
        return TokenHead(trunk, num_classes, width)
