"""From one raw map per layer to one raw map: tanh scaling of shallow layers, then max, mean or product.

M^_l = tanh(gamma M_l / max M_l) on scaled layers, M_l / max M_l on the others, and an element-wise maximum over the
layers at the largest layer's size (LayerCAM: Jiang et al., 2021, sec. 3.4 and eq. 9).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wsol.errors import ConfigError
from wsol.methods._common.sizes import largest, resized
from wsol.methods._common.stretch import by_maximum, minmax, stretched
from wsol.options import option

# a layer is shallow from this ratio of sides to the deepest stage on: VGG's S1-S3 (224, 112, 56 against 14)
SHALLOW = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """How the maps of several layers become one."""

    gamma: float | None = option(
        None, help="contrast of the tanh scaling (2 in LayerCAM's paper); null leaves maps as they are"
    )
    scale: str = option(
        "shallow",
        help="layers that are scaled: the shallow ones (LayerCAM's paper), all (torch-cam), none, or "
        "names: stage1+stage2",
    )
    normalise: Literal["max", "minmax", "percentile", "none"] = option(
        "max",
        help="before scaling, per layer and image: by the maximum (paper), min-max, or the 1st to 99th percentile",
    )
    fuse: Literal["max", "mean", "product"] = option(
        "max", help="maximum (LayerCAM's paper), mean (pytorch-grad-cam) or product (RefineCAM) of the layers"
    )
    fuse_size: Literal["largest", "input"] = option(
        "largest", help="size of the result: the largest layer's, or the network input's"
    )

    def __post_init__(self) -> None:
        if self.gamma is not None and not 0 < self.gamma < math.inf:
            raise ConfigError(f"gamma={self.gamma:g} turns every map into a flat one; give a number above 0, or null")


def fuse_layers(
    maps: Sequence[Tensor], fusion: Fusion, *, names: Sequence[str], last_side: int, input_size: tuple[int, ...]
) -> Tensor:
    """Raw maps [(B, h_l, w_l)], shallow to deep, to one raw map (B, H, W); any number of axes behind the batch.

    A single layer that is not scaled comes back untouched: the raw map is the contract.

    Parameters
    ----------
    names : the layers' names, for ``scale="stage1+stage2"``.
    last_side : height of the network's deepest stage, which tells the shallow layers.
    input_size : of the network input, behind its channels.
    """
    scaled = [_is_scaled(name, raw, fusion, last_side) for name, raw in zip(names, maps, strict=True)]
    if len(maps) == 1 and not scaled[0]:
        return maps[0]
    ready = []
    for raw, is_scaled in zip(maps, scaled, strict=True):
        flat = normalized(raw.flatten(1)[..., None], fusion.normalise).reshape(raw.shape)
        ready.append((fusion.gamma * flat).tanh() if is_scaled and fusion.gamma is not None else flat)
    if len(ready) == 1:
        return ready[0]
    size = input_size if fusion.fuse_size == "input" else largest(ready)
    stack = torch.stack([resized(m, size) for m in ready])
    if fusion.fuse == "max":
        return stack.amax(0)
    return stack.mean(0) if fusion.fuse == "mean" else stack.prod(0)


def normalized(raw: Tensor, rule: str) -> Tensor:
    """(B, h, w) divided or stretched per image; a flat or empty map becomes zeros, one with NaN or infinity all NaN."""
    finite = raw.isfinite().flatten(1).all(1)[:, None, None]
    return torch.where(finite, NORMALIZATIONS[rule](raw), torch.nan)


def _by_percentiles(raw: Tensor) -> Tensor:
    flat = raw.flatten(1)
    return stretched(raw, flat.quantile(0.01, dim=1), flat.quantile(0.99, dim=1)).clamp(0, 1)


NORMALIZATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "max": by_maximum,
    "minmax": minmax,
    "percentile": _by_percentiles,
    "none": lambda raw: raw,
}


def _is_scaled(name: str, raw: Tensor, fusion: Fusion, last_side: int) -> bool:
    if fusion.gamma is None or fusion.scale == "none":
        return False
    if fusion.scale == "all":
        return True
    if fusion.scale == "shallow":
        return raw.shape[-2] >= SHALLOW * last_side
    return name in fusion.scale.split("+")
