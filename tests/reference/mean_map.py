"""The mean map of all other images, written out: one image, one other image and one cell at a time, in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Crops = Sequence[NDArray[Any]]


def mean_of_others(images: Sequence[Crops], place: int, grid: tuple[int, int]) -> NDArray[np.float64] | None:
    """(crops, h, w) the mean over all images but the one at `place` that have finite maps; None without any."""
    others = [
        normalized([on_grid(crop, grid) for crop in crops])
        for n, crops in enumerate(images)
        if n != place and all(np.isfinite(crop).all() for crop in crops)
    ]
    if not others:
        return None
    mean = np.zeros(np.shape(others[0]))
    for cell in np.ndindex(mean.shape):
        mean[cell] = sum((Fraction(float(one[cell])) for one in others), Fraction(0)) / len(others)
    return mean


def normalized(crops: Crops) -> NDArray[np.float64]:
    low, high = min(float(crop.min()) for crop in crops), max(float(crop.max()) for crop in crops)
    return np.array([[[(v - low) / (high - low) if high > low else 0.0 for v in row] for row in c] for c in crops])


def on_grid(crop: NDArray[Any], grid: tuple[int, int]) -> NDArray[np.float64]:
    """Bilinear between the centers of cells; beyond the outermost ones the border's value."""
    out = np.zeros(grid)
    for y, x in np.ndindex(*grid):
        down, across = (
            min(max((at + 0.5) * old / new - 0.5, 0.0), old - 1.0)
            for at, old, new in zip((y, x), crop.shape, grid, strict=True)
        )
        top, left = int(down), int(across)
        for row, part in ((top, 1 - (down - top)), (min(top + 1, crop.shape[0] - 1), down - top)):
            for column, share in ((left, 1 - (across - left)), (min(left + 1, crop.shape[1] - 1), across - left)):
                out[y, x] += part * share * float(crop[row, column])
    return out
