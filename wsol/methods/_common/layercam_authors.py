"""The gradient that LayerCAM's authors' localization script takes: of the next pool's output, upsampled."""

import torch
from torch import Tensor

from wsol.errors import ConfigError
from wsol.methods._common.sizes import resized
from wsol.methods._features import LayerFeatures


def gradients_behind_pool(layer: LayerFeatures, pool: str | None) -> Tensor:
    """(B, K, H, W) d target logit / d output of a pool, upsampled with corners aligned: 1F + 1B more.

    Parameters
    ----------
    pool : the pool's module name; None for the first one behind the layer.

    Raises
    ------
    ConfigError : no pool follows, or the named one has other channels than the layer.
    """
    name = pool or pool_behind(layer)
    result = layer.once(("pool", name), lambda: layer.query.forward_backward(layer.images, layer.targets, [name]))
    gradients = result.gradients[name]
    if gradients.shape[1] != layer.activations.shape[1]:
        raise ConfigError(
            f"pool={name} has {gradients.shape[1]} channels and layer {layer.name!r} {layer.activations.shape[1]}; "
            "name the pool that follows the layer"
        )
    return resized(gradients, layer.activations.shape[-2:], corners=True)


def pool_behind(layer: LayerFeatures) -> str:
    """The first max or average pool after the layer, in the order of the modules."""
    behind = False
    for name, module in layer.query.module.named_modules():
        if behind and isinstance(module, torch.nn.MaxPool2d | torch.nn.AvgPool2d):
            return str(name)
        behind = behind or name == layer.name
    raise ConfigError(
        f"grad_source=next_upsampled takes the gradient behind the next pool, and none follows layer {layer.name!r}; "
        "name a layer with pool=NAME, or use grad_source=same"
    )
