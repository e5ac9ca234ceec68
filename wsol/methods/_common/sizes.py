"""Passes over an image at other sizes than the network's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.methods._base import LayerFeatures
    from wsol.models.forward import ForwardPass


def resized(tensor: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, K, H, W) at another (height, width), bilinear with half-pixel centres."""
    if tuple(tensor.shape[-2:]) == size:
        return tensor
    return torch.nn.functional.interpolate(tensor, size=size, mode="bilinear", align_corners=False)


def pass_at(layer: LayerFeatures, images: Tensor) -> ForwardPass:
    """One more pass over `images` of any size, with as many pixels at a time as the batch itself has.

    Raises
    ------
    ModelError : the network takes inputs of one size only, as vision transformers do.
    """
    larger = images[0].numel() / layer.images[0].numel()
    step = max(1, int(len(layer.images) / larger))
    passes = []
    for part, targets in zip(torch.split(images, step), torch.split(layer.targets, step), strict=True):
        try:
            passes.append(layer.query.forward_backward(part, targets, [layer.name]))
        except AssertionError as error:  # how torchvision's and timm's transformers say it
            raise ModelError(f"it looks at other sizes of the image, and the network refuses: {error}") from error
    return passes[0] if len(passes) == 1 else _joined(passes, layer.name)


def _joined(passes: list[ForwardPass], layer: str) -> ForwardPass:
    return type(passes[0])(
        torch.cat([result.logits for result in passes]),
        {layer: torch.cat([result.activations[layer] for result in passes])},
        {layer: torch.cat([result.gradients[layer] for result in passes])},
    )
