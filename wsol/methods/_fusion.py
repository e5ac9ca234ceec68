"""From one raw map a layer to one raw map: tanh scaling of shallow layers, then max, mean or product.

M^_l = tanh(gamma M_l / max M_l) on scaled layers, M_l / max M_l on the others, and an element-wise maximum over the
layers at the largest layer's size (LayerCAM: Jiang et al., 2021, sec. 3.4 and eq. 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from wsol.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

# a layer is shallow from this ratio of sides to the deepest stage on: VGG's S1-S3 (224, 112, 56 against 14)
SHALLOW = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """How the maps of several layers become one.

    Attributes
    ----------
    gamma : contrast of the tanh scaling; None leaves maps as they are. The paper uses 2.
    scale : which layers are scaled: the ``shallow`` ones (the paper), ``all`` (torch-cam), ``none``, or names:
        ``stage1+stage2``.
    normalise : per layer and image, before scaling: divide by ``max`` (the paper), ``minmax``, ``percentile``
        stretching between the 1st and 99th percentile, or ``none``.
    fuse : ``max`` (the paper), ``mean`` (pytorch-grad-cam) or ``product`` (RefineCAM).
    fuse_size : at the ``largest`` layer's size, or at the network ``input``'s.
    """

    gamma: float | None = None
    scale: str = "shallow"
    normalise: Literal["max", "minmax", "percentile", "none"] = "max"
    fuse: Literal["max", "mean", "product"] = "max"
    fuse_size: Literal["largest", "input"] = "largest"

    def __post_init__(self) -> None:
        if self.gamma is not None and not self.gamma > 0:
            raise ConfigError(f"gamma={self.gamma:g} turns every map into a flat one; give a number above 0, or null")


def fuse_layers(
    maps: Sequence[Tensor], fusion: Fusion, *, names: Sequence[str], last_side: int, input_hw: tuple[int, int]
) -> Tensor:
    """Raw maps [(B, h_l, w_l)], shallow to deep, to one raw map (B, H, W).

    A single layer that is not scaled comes back untouched: the raw map is the contract.

    Parameters
    ----------
    names : the layers' names, for ``scale="stage1+stage2"``.
    last_side : height of the network's deepest stage, which tells the shallow layers.
    input_hw : size of the network input.
    """
    scaled = [_is_scaled(name, raw, fusion, last_side) for name, raw in zip(names, maps, strict=True)]
    if len(maps) == 1 and not scaled[0]:
        return maps[0]
    ready = []
    for raw, is_scaled in zip(maps, scaled, strict=True):
        flat = normalised(raw, fusion.normalise)
        ready.append((fusion.gamma * flat).tanh() if is_scaled and fusion.gamma is not None else flat)
    if len(ready) == 1:
        return ready[0]
    size = input_hw if fusion.fuse_size == "input" else max((m.shape[-2:] for m in ready), key=lambda s: s[0] * s[1])
    stack = torch.stack([upsample(m, (size[0], size[1])) for m in ready])
    if fusion.fuse == "max":
        return stack.amax(0)
    return stack.mean(0) if fusion.fuse == "mean" else stack.prod(0)


def normalised(raw: Tensor, rule: str) -> Tensor:
    """(B, h, w) divided or stretched per image; a flat or empty map becomes zeros."""
    if rule == "none":
        return raw
    flat = raw.flatten(1)
    if rule == "max":
        low, high = torch.zeros_like(flat[:, 0]), flat.amax(1)
    elif rule == "minmax":
        low, high = flat.amin(1), flat.amax(1)
    else:
        low, high = flat.quantile(0.01, dim=1), flat.quantile(0.99, dim=1)
    span = (high - low)[:, None, None]
    shifted = raw - low[:, None, None]
    stretched = torch.where(span > 0, shifted / torch.where(span > 0, span, 1), torch.zeros_like(raw))
    return stretched.clamp(0, 1) if rule == "percentile" else stretched


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, h, w) to (B, *size), bilinear with half-pixel centres (align_corners False)."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return torch.nn.functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def _is_scaled(name: str, raw: Tensor, fusion: Fusion, last_side: int) -> bool:
    if fusion.gamma is None or fusion.scale == "none":
        return False
    if fusion.scale == "all":
        return True
    if fusion.scale == "shallow":
        return raw.shape[-2] >= SHALLOW * last_side
    return name in fusion.scale.split("+")
