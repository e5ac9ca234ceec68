"""Conformer (Peng et al., ICCV 2021): a ResNet and a transformer side by side, which exchange features in each block.

Names and shapes of the parameters are those of pengzhiliang/Conformer, conformer.py [read].
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wsol.errors import ModelError

Norm = partial(nn.BatchNorm2d, eps=1e-6)
WIDTHS = (256, 512, 1024)  # channels of the convolutional branch in its three stages
BLOCKS = 4  # of each stage; the first block of all takes the stem
MIDDLE = 4  # a block's width over that of its 3x3 convolution
STRIDE = 4  # of the stem, so that patches are as many times smaller as the convolutional branch is finer


class ConvBlock(nn.Module):
    """A bottleneck as in ResNet; ``forward(x, added)`` adds to what goes into the 3x3 convolution.

    Returns the block's output and that of the 3x3 convolution, from which tokens are made.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, projected: bool = False) -> None:
        super().__init__()
        middle = outputs // MIDDLE
        self.conv1, self.bn1 = nn.Conv2d(inputs, middle, 1, bias=False), Norm(middle)
        self.conv2, self.bn2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False), Norm(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, outputs, 1, bias=False), Norm(outputs)
        self.act1, self.act2, self.act3 = nn.ReLU(), nn.ReLU(), nn.ReLU()  # modules, so that stages can be seen
        self.projected = projected
        if projected:
            self.residual_conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.residual_bn = Norm(outputs)

    def forward(self, x: Tensor, added: Tensor | None = None) -> tuple[Tensor, Tensor]:
        narrow = self.act1(self.bn1(self.conv1(x)))
        middle = self.act2(self.bn2(self.conv2(narrow if added is None else narrow + added)))
        kept = self.residual_bn(self.residual_conv(x)) if self.projected else x
        return self.act3(self.bn3(self.conv3(middle)) + kept), middle


class ToTokens(nn.Module):
    """Features of the convolutional branch as patch tokens, averaged over `stride` x `stride` positions."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv_project = nn.Conv2d(inputs, outputs, 1)
        self.ln = nn.LayerNorm(outputs, eps=1e-6)

    def forward(self, x: Tensor, class_token: Tensor) -> Tensor:
        patches = F.avg_pool2d(self.conv_project(x), self.stride).flatten(2).transpose(1, 2)
        return torch.cat([class_token, F.gelu(self.ln(patches))], dim=1)


class ToMap(nn.Module):
    """Patch tokens as features of the convolutional branch, each at `stride` x `stride` positions."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv_project = nn.Conv2d(inputs, outputs, 1)
        self.bn = Norm(outputs)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        x = F.relu(self.bn(self.conv_project(grid_of(tokens, size))))
        return F.interpolate(x, scale_factor=self.stride) if self.stride > 1 else x


class CoupledBlock(nn.Module):
    """A block of both branches: features become tokens, tokens attend, and what they say goes back to the features."""

    def __init__(self, inputs: int, outputs: int, *, channels: int, heads: int, patch: int, last: bool) -> None:
        super().__init__()
        first = inputs != outputs
        self.stride = patch
        self.cnn_block = ConvBlock(inputs, outputs, stride=2 if first else 1, projected=first)
        self.fusion_block = ConvBlock(outputs, outputs, stride=2 if last else 1, projected=last)
        self.squeeze_block = ToTokens(outputs // MIDDLE, channels, patch)
        self.expand_block = ToMap(channels, outputs // MIDDLE, patch)
        self.trans_block = transformer_block(channels, heads)

    def forward(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        x, middle = self.cnn_block(x)
        tokens = self.trans_block(self.squeeze_block(middle, tokens[:, :1]) + tokens)
        size = middle.shape[2] // self.stride, middle.shape[3] // self.stride
        return self.fusion_block(x, self.expand_block(tokens, size))[0], tokens


class Conformer(nn.Module):
    """Both branches without heads: (B, 3, H, W) to features (B, 1024, H/32, W/32) and tokens (B, 1 + H/16 W/16, C)."""

    def __init__(self, *, channels: int, heads: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.trans_norm = nn.LayerNorm(channels)
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.conv_1 = ConvBlock(64, WIDTHS[0], projected=True)
        self.trans_patch_conv = nn.Conv2d(64, channels, STRIDE, STRIDE)
        self.trans_1 = transformer_block(channels, heads)
        self.coupled: list[str] = []
        inputs, depth = WIDTHS[0], BLOCKS * len(WIDTHS)
        for number in range(2, depth + 1):
            stage = (number - 1) // BLOCKS
            last, patch = number == depth, STRIDE >> stage
            block = CoupledBlock(inputs, WIDTHS[stage], channels=channels, heads=heads, patch=patch, last=last)
            self.coupled.append(f"conv_trans_{number}")
            self.add_module(self.coupled[-1], block)
            inputs = WIDTHS[stage]
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        self.apply(_initialize)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What both branches end with; tokens normalized."""
        stem = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, 2, 1)
        x, _ = self.conv_1(stem)
        patches = self.trans_patch_conv(stem).flatten(2).transpose(1, 2)
        tokens = self.trans_1(torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1))
        for name in self.coupled:
            x, tokens = self.get_submodule(name)(x, tokens)
        return x, self.trans_norm(tokens)


def grid_of(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 1 + h w, C) tokens without the first one as (B, C, h, w)."""
    return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), tokens.shape[2], *size)


def transformer_block(channels: int, heads: int) -> nn.Module:
    """timm's block, whose parameters have the names of the paper's code. Raises ModelError where timm is missing."""
    try:
        from timm.models.vision_transformer import Block
    except ImportError as error:
        raise ModelError("Conformer needs timm, which is not installed: pip install 'wsol[timm]'") from error
    norm: Any = partial(nn.LayerNorm, eps=1e-6)
    made: nn.Module = Block(channels, heads, qkv_bias=True, norm_layer=norm)
    return made


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
