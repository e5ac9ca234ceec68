"""A network of one-channel images on color images: it receives their luma."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

LUMA = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601, as Pillow's convert("L") has it


def takes_gray(module: nn.Module) -> bool:
    """Whether the first convolution of a network has one input channel."""
    first = next((part for part in module.modules() if isinstance(part, torch.nn.Conv2d)), None)
    return first is not None and first.in_channels == 1


@contextmanager
def color_input(module: nn.Module) -> Iterator[None]:
    """A block in which a network of one-channel images takes (B, 3, h, w), too, by a hook on its input."""

    def gray(part: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        images: Tensor = args[0]
        if images.ndim != 4 or images.shape[1] != 3:
            return None
        weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device)
        return (torch.einsum("bchw,c->bhw", images, weights)[:, None], *args[1:])

    handle = module.register_forward_pre_hook(gray) if takes_gray(module) else None
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()
