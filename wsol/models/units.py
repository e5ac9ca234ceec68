"""Tokens in the order of mask units (Ryali et al., Hiera, ICML 2023), where the network states the order itself."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def stated_order(module: nn.Module, tokens: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The grid of so many tokens, and for each of its cells, row by row, the place of its token; None where none is.

    A network that unrolls its tokens has a module `reroll` that undoes it for intermediate features, with a schedule
    that gives the sizes at each block (facebookresearch/hiera, and timm's).
    """
    for part in module.modules():
        reroll = getattr(part, "reroll", None)
        schedule = getattr(reroll, "schedule", None)
        if not (isinstance(reroll, torch.nn.Module) and isinstance(schedule, Mapping)):
            continue
        for block, (strides, sizes) in schedule.items():
            if len(strides) and prod(sizes) == tokens:
                cells = reroll(torch.arange(tokens)[None, :, None], block)
                return tuple(sizes), tuple(cells.flatten().tolist())
    return None
