"""What the networks of Choe et al. (CVPR 2020) share: grids, heads and the first weights.

Each, and each other network here that is built on one of another library, has a `backbone_keys()`: from the names of
its layers and parameters to those that the same ones have in the other network, so that training can start from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from wsol.errors import ConfigError, unknown

if TYPE_CHECKING:
    from torch import nn

HEADS = ("acol", "spg", "adl")


def check_grid(name: str, grid: int, grids: tuple[int, int] = (14, 28), side: int = 224) -> None:
    """Raises ConfigError where the last map would not have one of two sizes."""
    if grid not in grids:
        raise ConfigError(
            f"model.grid={grid}: the last map of {name} has {grids[0]} or {grids[1]} cells a side at {side} pixels"
        )


def check_head(name: str, head: str | None) -> None:
    """Raises ConfigError for a head that is not one of `HEADS`; None is the plain network."""
    if head is not None and head not in HEADS:
        raise unknown(f"head of {name}", head, HEADS, error=ConfigError)


def initialize(network: nn.Module, convolutions: Literal["he", "xavier"]) -> None:
    """Draw all weights as clovaai/wsolevaluation does.

    Convolutions are drawn from He et al.'s normal distribution over the outputs, or Glorot's uniform one; linear layers
    from a normal one with deviation 0.01; biases are 0, batch norm is the identity.
    """
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            if convolutions == "he":
                torch.nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            else:
                torch.nn.init.xavier_uniform_(part.weight)
        elif isinstance(part, torch.nn.Linear):
            torch.nn.init.normal_(part.weight, 0, 0.01)
        elif isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(part.weight)
        else:
            continue
        if part.bias is not None:
            torch.nn.init.zeros_(part.bias)
