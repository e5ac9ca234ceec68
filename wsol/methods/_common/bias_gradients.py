"""Gradients behind every bias of a network: what FullGrad adds up."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from wsol.methods._common.sizes import resized
from wsol.methods._common.stretch import minmax
from wsol.methods._features import LayerFeatures
from wsol.models.forward import INPUT, ForwardPass
from wsol.models.tokens import Grid


def bias_gradients(layer: LayerFeatures) -> tuple[ForwardPass, dict[str, Tensor]]:
    """Gradients at the image and behind every bias that was run, and the biases (K,) by layer."""
    biases = {
        name: bias for name, module in layer.query.module.named_modules() if (bias := bias_of(module)) is not None
    }
    modules = dict(layer.query.module.named_modules())
    vectors = {name: _Vectors() for name in biases if isinstance(modules[name], torch.nn.Linear)}

    def run() -> ForwardPass:
        # Auxiliary heads have biases, too, and are not run in eval mode.
        grids = cast("Mapping[str, Grid]", vectors)
        return layer.query.forward_backward(layer.images, layer.targets, [INPUT, *biases], grids=grids, strict=False)

    result = layer.once("biases", run)
    return result, {name: bias.to(layer.images) for name, bias in biases.items() if name in result.gradients}


def bias_of(module: nn.Module) -> Tensor | None:
    """The (K,) constant a layer adds: a bias, or what a batch norm in eval mode adds; None when there is none."""
    if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
        return None if module.bias is None else module.bias.detach()
    if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
        scale = (module.running_var + module.eps).rsqrt()
        scale = scale if module.weight is None else scale * module.weight.detach()
        shift = -module.running_mean * scale
        return shift if module.bias is None else shift + module.bias.detach()
    return None


def is_map(layer: LayerFeatures, name: str) -> bool:
    """Whether a layer's output has cells: fully connected ones have none."""
    return not isinstance(layer.query.module.get_submodule(name), torch.nn.Linear)


def magnitude(tensor: Tensor) -> Tensor:
    """psi: |.|, then min-max over all channels and cells of an image; a flat tensor becomes 0."""
    return minmax(tensor.abs().flatten(1)[:, None]).reshape(tensor.shape)


def at_input(tensor: Tensor, layer: LayerFeatures) -> Tensor:
    """(B, K, H, W) upsampled with corners aligned, as in the official code, and summed over channels."""
    return resized(tensor, layer.input_size, corners=True).sum(1)


class _Vectors:
    """The grid of a fully connected layer: (B, ..., F) as (B, F, n, 1), so that it can be captured."""

    def unfold(self, tensor: Tensor) -> Tensor:
        return tensor.movedim(-1, 1).flatten(2)[..., None] if tensor.ndim > 2 else tensor[..., None, None]

    def fold(self, grid: Tensor, like: Tensor) -> Tensor:
        return grid[..., 0].movedim(1, -1).reshape(like.shape)
