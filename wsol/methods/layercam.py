"""LayerCAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from wsol.errors import ConfigError
from wsol.methods._base import Differentiated, LayerFeatures, method

if TYPE_CHECKING:
    from torch import Tensor


@method("layercam", paper="Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps, TIP 2021", year=2021)
class LayerCAM:
    """LayerCAM: each location weighted by its own positive gradient.

    M = ReLU(sum_k ReLU(g_k) * A_k)

    Identities: equals element-wise Grad-CAM where A >= 0; equals CAM with ReLU(w), up to 1/n, on a GAP head.
    Traps: right before a pool the gradient is a grid, because the pool sends it to one cell a window. The authors'
    localization script takes the gradient of the pool's output, upsampled (grad_source=next_upsampled); 1F + 1B more.

    Options: grad_source = same, next_upsampled (bilinear, corners aligned, as in the script); pool: the pool's module
    name, by default the first one behind the layer; score (what is differentiated) = logit, or prob or logprob, which
    take 1F + 1B more. tanh scaling (gamma), the layers it applies to and fusion are options of every method.
    """

    grad_source: Literal["same", "next_upsampled"] = "same"
    pool: str | None = None
    score: Differentiated = "logit"

    def __post_init__(self) -> None:
        if self.score != "logit" and self.grad_source != "same":
            raise ConfigError(f"layercam: score={self.score} goes with grad_source=same only")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        gradients = layer.gradients_of(self.score) if self.grad_source == "same" else self._upsampled(layer)
        return (gradients.relu() * layer.activations).sum(1).relu()

    def _upsampled(self, layer: LayerFeatures) -> Tensor:
        pool = self.pool or pool_behind(layer)
        result = layer.once(("pool", pool), lambda: layer.query.forward_backward(layer.images, layer.targets, [pool]))
        gradient = result.gradients[pool]
        if gradient.shape[1] != layer.activations.shape[1]:
            raise ConfigError(
                f"pool={pool} has {gradient.shape[1]} channels and layer {layer.name!r} {layer.activations.shape[1]}; "
                "name the pool that follows the layer"
            )
        size = layer.activations.shape[-2:]
        return torch.nn.functional.interpolate(gradient, size=size, mode="bilinear", align_corners=True)


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
