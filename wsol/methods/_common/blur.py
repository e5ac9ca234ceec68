"""Gaussian blur of images, for baselines."""

import torch
from torch import Tensor


def blurred(images: Tensor, *, sigma: float, radius: int | None = None) -> Tensor:
    """(..., h, w) convolved with a Gaussian of `sigma` pixels, cut at `radius` (default 4 sigma).

    Beyond the border there is nothing: the weights that remain are made to sum to 1, so a flat image stays as it is.
    Two matrix products in float64: autocast leaves them alone, and no padding rule is needed.
    """
    reach = round(4 * sigma) if radius is None else radius
    rows, columns = (_weights(side, sigma, reach, images) for side in images.shape[-2:])
    return (rows @ images.double() @ columns.T).to(images.dtype)


def _weights(side: int, sigma: float, radius: int, like: Tensor) -> Tensor:
    at = torch.arange(side, dtype=torch.float64, device=like.device)
    distance = at[:, None] - at
    weights = torch.exp(-(distance**2) / (2 * sigma**2)) * (distance.abs() <= radius)
    return weights / weights.sum(1, keepdim=True)
