"""Looks at an image at other sizes than the network's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.capture import Look
    from wsol.methods.base import Seen


def resized(tensor: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, K, H, W) at another (height, width), bilinear with half-pixel centres."""
    if tuple(tensor.shape[-2:]) == size:
        return tensor
    return torch.nn.functional.interpolate(tensor, size=size, mode="bilinear", align_corners=False)


def look_at(seen: Seen, images: Tensor) -> Look:
    """One more look at `images` of any size, with as many pixels at a time as the batch itself has.

    Raises
    ------
    ModelError : the network takes inputs of one size only, as vision transformers do.
    """
    larger = images[0].numel() / seen.images[0].numel()
    step = max(1, int(len(seen.images) / larger))
    looks = []
    for part, targets in zip(torch.split(images, step), torch.split(seen.targets, step), strict=True):
        try:
            looks.append(seen.ask.look(part, targets, [seen.layer]))
        except AssertionError as error:  # how torchvision's and timm's transformers say it
            raise ModelError(f"it looks at other sizes of the image, and the network refuses: {error}") from error
    return looks[0] if len(looks) == 1 else _joined(looks, seen.layer)


def _joined(looks: list[Look], layer: str) -> Look:
    return type(looks[0])(
        torch.cat([look.logits for look in looks]),
        {layer: torch.cat([look.activations[layer] for look in looks])},
        {layer: torch.cat([look.gradients[layer] for look in looks])},
    )
