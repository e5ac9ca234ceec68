"""The first principal component of a layer's cells, with a sign."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wsol.options import option

Sign = Literal["none", "maxabs", "meanact"]
CENTER = "subtract each channel's mean over the cells first"
SIGN = "what settles the arbitrary sign: largest magnitude positive (maxabs), agreement with the mean channel (meanact)"


@dataclass(frozen=True, kw_only=True)
class PrincipalMethod:
    """The options of methods that take the first principal component."""

    center: bool = option(False, help=f"{CENTER}, as pytorch-grad-cam does")
    sign: Sign = option("maxabs", help=SIGN)
    relu: bool = option(False, help="keep the positive part only")

    def component(self, features: Tensor) -> Tensor:
        """(B, K, H, W) to (B, H, W)."""
        raw = principal_map(features, center=self.center, sign=self.sign)
        return raw.relu() if self.relu else raw


def principal_map(features: Tensor, *, center: bool, sign: Sign) -> Tensor:
    """(B, K, H, W) to (B, H, W): each image's n x K matrix X of cells times its first right singular vector.

    Through the smaller of X'X and XX', in float64: a full SVD of n x n takes 10 GB at a 224 x 224 layer. `center` and
    `sign` as in `PrincipalMethod`; with ``none`` the sign is as the solver returns it.
    """
    batch, _, height, width = features.shape
    images = features.flatten(2).double()
    raw = torch.stack([signed(_component(channels, center), channels, sign) for channels in images])
    return raw.reshape(batch, height, width).to(features.dtype)


def _component(channels: Tensor, center: bool) -> Tensor:
    """(K, n) to (n,)."""
    if center:
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
    """(n,) component of (K, n) channels, negated where the rule asks for it."""
    if sign == "maxabs":
        flip = bool(-component.amin() > component.amax())
    else:
        flip = sign == "meanact" and bool((component * channels.mean(0)).sum() < 0)
    return -component if flip else component
