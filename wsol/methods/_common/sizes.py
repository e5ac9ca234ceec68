"""Maps and images at other sizes, and passes over an image at other sizes than the network's own."""

import torch
from torch import Tensor

from wsol.errors import ModelError
from wsol.methods._features import LayerFeatures
from wsol.models.forward import ForwardPass

LINEAR = ("linear", "bilinear", "trilinear")  # by the number of axes


def resized(tensor: Tensor, size: tuple[int, ...], *, corners: bool = False, mode: str = "") -> Tensor:
    """(B, h, w) or (B, K, h, w) at another (height, width): bilinear, with half-pixel centers or `corners` aligned.

    With one or three sizes, (B, n) and (B, t, h, w) alike: linear and trilinear. `mode` is another one of torch's.
    """
    axes = len(size)
    if tuple(tensor.shape[-axes:]) == tuple(size):
        return tensor
    channels = tensor if tensor.ndim == axes + 2 else tensor[:, None]
    found = torch.nn.functional.interpolate(channels, size=size, mode=mode or LINEAR[axes - 1], align_corners=corners)
    return found if tensor.ndim == axes + 2 else found[:, 0]


def largest(maps: list[Tensor]) -> tuple[int, ...]:
    """The size (height, width) of the map (B, h, w) with most cells; any number of axes."""
    return tuple(max(maps, key=lambda one: one[0].numel()).shape[1:])


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
            raise ModelError(f"the method needs images of other sizes, which the network refuses: {error}") from error
    return type(passes[0])(
        torch.cat([result.logits for result in passes]),
        {layer.name: torch.cat([result.activations[layer.name] for result in passes])},
        {layer.name: torch.cat([result.gradients[layer.name] for result in passes])},
    )
