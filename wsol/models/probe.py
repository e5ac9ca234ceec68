"""Where a layer changes when a part of the input does: which axes are space, and whether cells are in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

LOCAL = 0.15  # of random ResNets, the layers below it mix the whole image in each cell
CORNERS = 4  # images beside the plain one; each differs from it in one quarter of height and width


@dataclass(frozen=True, slots=True)
class Order:
    """Whether a layer's cells lie as the input's parts do; both 0 where each change reaches all cells alike.

    Attributes
    ----------
    own : how far a change stays in the quarter of the layer that is the changed quarter of the input; 1 is entirely.
    distinct : how unlike the changes are, wherever they are; 1 where no cell sees two of them.
    """

    own: float = 0.0
    distinct: float = 0.0

    @property
    def kept(self) -> bool:
        """Shown to be in order: of the networks of torchvision and timm with random weights, own is 0.8 x distinct."""
        return self.distinct >= LOCAL and self.own >= 0.7 * self.distinct

    @property
    def broken(self) -> bool:
        """Shown to be out of order: mirrored, tokens in units or windows, attention of tokens to tokens."""
        return self.distinct >= LOCAL and self.own < 0.5 * self.distinct


def probes(example: Tensor) -> Tensor:
    """(1, C, *space, h, w) to (1 + CORNERS, C, *space, h, w): itself, and with other noise in each quarter in turn."""
    height, width = example.shape[-2:]
    other = torch.randn(example.shape, generator=torch.Generator().manual_seed(1)).to(example)
    changed = example.repeat(1 + CORNERS, *[1] * (example.ndim - 1))
    for corner in range(CORNERS):
        part = (..., *_quarter(corner, height, width))
        changed[1 + corner][part] = other[0][part]
    return changed


def order(grid: Tensor) -> Order:
    """What a layer's output for `probes`, (1 + CORNERS, K, *sizes), tells of its order."""
    changes = (grid[1:].float() - grid[:1].float()).square().mean(1)
    while changes.ndim > 3:  # time or depth in front of height and width
        changes = changes.mean(1)
    if changes.ndim < 3 or min(changes.shape[1:]) < 2:
        return Order()
    changes = changes.sqrt()
    total = changes.sum((1, 2), keepdim=True)
    if not bool((torch.isfinite(total) & (total > 0)).all()):
        return Order()
    changes = changes / total
    cells = [_quarter(corner, *changes.shape[1:]) for corner in range(CORNERS)]
    shares = torch.stack([changes[:, rows, columns].mean((1, 2)) for rows, columns in cells], 1)
    own = float((shares / shares.sum(0, keepdim=True).clamp_min(1e-12)).diagonal().mean())
    # The share of a cell's changes that its strongest quarter has, weighted by how much the cell changes.
    strongest = float(changes.amax(0).sum() / changes.sum())
    return Order((own - 1 / CORNERS) / (1 - 1 / CORNERS), (strongest - 1 / CORNERS) / (1 - 1 / CORNERS))


def _quarter(corner: int, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a quarter; what is in the middle of an odd size belongs to none."""
    half_h, half_w = height // 2, width // 2
    rows = slice(0, half_h) if corner < 2 else slice(height - half_h, height)
    columns = slice(0, half_w) if corner % 2 == 0 else slice(width - half_w, width)
    return rows, columns
