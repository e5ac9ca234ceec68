"""Maps stretched to [0, 1], each map alone."""

import torch
from torch import Tensor


def stretched(maps: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(..., H, W) with `low` at 0 and `high` at 1, both (...); a map without a span becomes 0, one with NaN all NaN."""
    low, span = low[..., None, None], (high - low)[..., None, None]
    flat = span <= 0  # NaN is neither above 0 nor at most 0, and must not become 0
    return torch.where(flat, 0, (maps - low) / torch.where(flat, 1, span))


def minmax(maps: Tensor) -> Tensor:
    """(..., H, W) stretched from its minimum to its maximum."""
    return stretched(maps, maps.amin((-2, -1)), maps.amax((-2, -1)))


def by_maximum(maps: Tensor) -> Tensor:
    """(..., H, W) divided by its maximum; a map without a positive value becomes 0."""
    high = maps.amax((-2, -1))
    return stretched(maps, torch.zeros_like(high), high)


def quantile(values: Tensor, share: float) -> Tensor:
    """(..., n) to (...), with linear interpolation; torch's own refuses more than 16 million values."""
    ordered = values.sort(-1).values
    place = share * (values.shape[-1] - 1)
    below = int(place)
    low, high = ordered[..., below], ordered[..., min(below + 1, values.shape[-1] - 1)]
    return low + (place - below) * (high - low)
