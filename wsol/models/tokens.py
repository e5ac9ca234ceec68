"""How a layer's output becomes (B, K, *grid), from tokens or from channels behind the axes of space, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isqrt, prod
from typing import TYPE_CHECKING, Literal

import torch

from wsol.errors import LayerError
from wsol.models.outline import is_grid, outline

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.models.network import Network


@dataclass(frozen=True, slots=True)
class Grid:
    """The layout of one layer's output.

    Attributes
    ----------
    layout : ``tokens`` for (B, T, D) with the grid's rows one after the other, ``channels_last`` for (B, *grid, K),
        ``cells`` for (B, K, *grid) of other than two axes, which methods receive as (B, K, cells, 1).
    prefix : tokens in front of the grid: class, distillation, registers.
    sizes : of the grid that the tokens are, for the input it was found with; other inputs must be square.
    cells : for each cell, row by row, the place of its token; empty where tokens are in this order.
    """

    layout: Literal["tokens", "channels_last", "cells"]
    prefix: int = 0
    sizes: tuple[int, ...] = field(default=(), compare=False)
    cells: tuple[int, ...] = ()

    def unfold(self, tensor: Tensor) -> Tensor:
        """(B, T, D) or (B, *grid, K) to (B, K, *grid); tokens in front are left out. Raises LayerError."""
        if self.layout == "channels_last":
            return tensor.movedim(-1, 1)
        if self.layout == "cells":
            return tensor.flatten(2)[..., None]
        cells = tensor.shape[1] - self.prefix if tensor.ndim == 3 else 0
        side = isqrt(max(0, cells))
        sizes = self.sizes if prod(self.sizes) == cells and self.sizes else (side, side)
        if cells < 1 or prod(sizes) != cells:
            raise LayerError(
                f"an output of shape {tuple(tensor.shape)} is not a square grid behind {self.prefix} tokens; "
                "give the network square images"
            )
        if self.cells and len(self.cells) != cells:
            raise LayerError(
                f"the order of {cells} tokens is not known, only that of {len(self.cells)}; give the network images of "
                "the size it was made for"
            )
        tokens = tensor[:, self.prefix :]
        channels = (tokens[:, list(self.cells)] if self.cells else tokens).transpose(1, 2)
        return channels.reshape(*channels.shape[:2], *sizes)

    def fold(self, grid: Tensor, like: Tensor) -> Tensor:
        """The inverse of `unfold`: (N, K, *grid) to the layer's own layout.

        What is not on the grid comes from `like`, the output it replaces, (N or 1, T, D).
        """
        if self.layout == "channels_last":
            return grid.movedim(1, -1)
        if self.layout == "cells":
            return grid.reshape(*grid.shape[:2], *like.shape[2:])
        tokens = grid.flatten(2).transpose(1, 2)
        if self.cells:
            tokens = tokens[:, torch.tensor(self.cells).argsort()]
        if not self.prefix:
            return tokens
        return torch.cat([like[:, : self.prefix].expand(len(tokens), -1, -1), tokens], 1)


class Grids(Mapping[str, Grid]):
    """By layer, the grid of its output, where it is not (B, K, *grid) already; the network is traced when asked."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @cached_property
    def _known(self) -> dict[str, Grid]:
        return {
            name: Grid(output.layout, output.prefix, output.grid if output.layout == "tokens" else (), output.cells)
            for name, output in outline(self._network).items()
            if output.layout == "tokens" or output.layout == "channels_last"
        }

    def __getitem__(self, layer: str) -> Grid:
        return self._known[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


CELLS = Grid("cells")


def grid_of(grids: Mapping[str, Grid], layer: str, output: Tensor, space: tuple[int, ...]) -> Grid | None:
    """The grid of a layer for an input of `space`; None where its output is (B, K, h, w).

    The network is traced only where the shape leaves a doubt: (B, 96, 96, 96) may have its channels in front or last.
    """
    sizes = tuple(output.shape[1:])
    if (
        len(sizes) == len(space) + 1
        and is_grid(sizes[1:], space)
        and not (is_grid(sizes[:-1], space) and layer in grids)
    ):
        return None if len(space) == 2 else CELLS
    return grids.get(layer)
