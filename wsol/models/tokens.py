"""How a transformer's tokens become a (B, K, H, W) grid, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Literal

import torch

from wsol.errors import LayerError
from wsol.models.outline import outline

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.models.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Grid:
    """The layout of one layer's output.

    Attributes
    ----------
    layout : ``tokens`` for (B, T, D) with the grid's rows one after the other, ``nhwc`` for (B, H, W, K) (Swin).
    prefix : tokens in front of the grid: class, distillation, registers.
    """

    layout: Literal["tokens", "nhwc"]
    prefix: int = 0

    def unfold(self, tensor: Tensor) -> Tensor:
        """(B, T, D) or (B, H, W, K) to (B, K, H, W); tokens in front are left out. Raises LayerError."""
        if self.layout == "nhwc" and tensor.ndim == 4:
            return tensor.permute(0, 3, 1, 2)
        side = isqrt(max(0, tensor.shape[1] - self.prefix))
        if self.layout != "tokens" or tensor.ndim != 3 or side * side + self.prefix != tensor.shape[1]:
            raise LayerError(
                f"an output of shape {tuple(tensor.shape)} is not a square grid behind {self.prefix} tokens; "
                "give the network square images"
            )
        tokens = tensor[:, self.prefix :].transpose(1, 2)
        return tokens.reshape(*tokens.shape[:2], side, side)

    def fold(self, grid: Tensor, like: Tensor) -> Tensor:
        """The inverse of `unfold`: (N, K, H, W) to the layer's own layout.

        What is not on the grid comes from `like`, the output it replaces, (N or 1, T, D).
        """
        if self.layout == "nhwc":
            return grid.permute(0, 2, 3, 1)
        tokens = grid.flatten(2).transpose(1, 2)
        if not self.prefix:
            return tokens
        return torch.cat([like[:, : self.prefix].expand(len(tokens), -1, -1), tokens], 1)


def grids(classifier: Classifier) -> Mapping[str, Grid]:
    """A grid for every layer that needs one; layers that put out (B, K, H, W) are not in it."""
    found: dict[str, Grid] = {}
    for name, output in outline(classifier).items():
        if output.layout == "tokens" or output.layout == "nhwc":
            found[name] = Grid(output.layout, output.prefix)
    return found
