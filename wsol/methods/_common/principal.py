"""The first principal component of a layer's cells, with a sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

Sign = Literal["none", "maxabs", "meanact"]


def principal_map(features: Tensor, *, centre: bool, sign: Sign) -> Tensor:
    """(B, K, H, W) to (B, H, W): each image's n x K matrix X of cells times its first right singular vector.

    Through the smaller of X'X and XX', in float64: a full SVD of n x n takes 10 GB at a 224 x 224 layer.

    Parameters
    ----------
    centre : subtract each channel's mean over the cells first.
    sign : what settles the vector's arbitrary sign. ``maxabs``: the cell of largest magnitude is positive; ``meanact``:
        the map agrees with the mean over channels; ``none``: as the solver returns it.
    """
    batch, _, height, width = features.shape
    maps = [_component(one.double(), centre) for one in features.flatten(2)]
    raw = torch.stack([signed(m, one.double(), sign) for m, one in zip(maps, features.flatten(2), strict=True)])
    return raw.reshape(batch, height, width).to(features.dtype)


def _component(channels: Tensor, centre: bool) -> Tensor:
    """(K, n) to (n,)."""
    if centre:
        channels = channels - channels.mean(1, keepdim=True)
    scale = channels.abs().amax()
    if scale == 0:
        return torch.zeros_like(channels[0])
    channels = channels / scale  # squares of small values underflow
    count, cells = channels.shape
    if count <= cells:
        _, vectors = torch.linalg.eigh(channels @ channels.T)
        first: Tensor = vectors[:, -1] @ channels
    else:
        values, vectors = torch.linalg.eigh(channels.T @ channels)
        first = vectors[:, -1] * values[-1].clamp(min=0).sqrt()
    return first * scale


def signed(component: Tensor, channels: Tensor, sign: Sign) -> Tensor:
    """(n,) component of (K, n) channels, turned round where the rule says so."""
    if sign == "maxabs":
        flip = bool(-component.amin() > component.amax())
    else:
        flip = sign == "meanact" and bool((component * channels.mean(0)).sum() < 0)
    return -component if flip else component
