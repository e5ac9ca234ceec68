"""Small random networks whose layers a shape alone can't tell: tokens, channels last, side branches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.models.conftest import wrap

SIDE = 64


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def wrapped(module: nn.Module, side: int = SIDE) -> Any:
    return wrap(module, input_size=side, num_classes=5)


class Block(nn.Module):
    """Pre-norm attention, its probabilities through a module, and an MLP."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.norm, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.softmax, self.mlp, self.heads = nn.Softmax(-1), nn.Linear(width, width), heads

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attention = self.softmax(q @ k.transpose(-1, -2) / d**0.5)
        x = x + self.proj((attention @ v).transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(x)


class LinearViT(nn.Module):
    """Patches by a reshape and a linear layer, as many write it; `pool` halves the grid of tokens on the way."""

    def __init__(self, *, prefix: int = 1, mean: bool = False, pool: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Linear(3 * 64, 32), nn.Linear(32, 5)
        self.cls = nn.Parameter(torch.randn(1, prefix, 32))
        self.pos = nn.Parameter(0.1 * torch.randn(1, 64, 32))
        self.blocks = nn.ModuleList(Block() for _ in range(6))
        self.mean, self.pool = mean, pool

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.view(b, c, h // 8, 8, w // 8, 8).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w // 64, -1)
        x = torch.cat([self.cls.expand(b, -1, -1), self.embed(x) + self.pos], 1)
        n = self.cls.shape[1]
        for place, block in enumerate(self.blocks):
            if self.pool and place == 3:
                grid = x[:, n:].transpose(1, 2).unflatten(2, (8, 8))
                x = torch.cat([x[:, :n], nn.functional.avg_pool2d(grid, 2).flatten(2).transpose(1, 2)], 1)
            x = block(x)
        return self.head(x[:, n:].mean(1) if self.mean else x[:, 0])


class ChannelsLast(nn.Module):
    """(B, side, side, side) with channels last, between two convolutions; `last` says which the middle has."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.mix = nn.Conv2d(3, 16, 4, 4), nn.Linear(16, 16) if last else nn.Conv2d(16, 16, 1)
        self.head = nn.Linear(16, 5)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.mix(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) if self.last else self.mix(x)
        return self.head(x.relu().mean((2, 3)))


class Branched(nn.Module):
    """A trunk of three stages; behind it run a side branch of the first one, and an auxiliary head, not read."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.early = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.side = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU())
        self.aux = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        early = self.early(x)
        deep = self.deep(self.middle(early))
        side = self.side(early)
        self.aux(deep)
        return self.head(torch.cat([deep.mean((2, 3)), side.mean((2, 3))], 1))
