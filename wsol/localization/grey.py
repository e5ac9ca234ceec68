"""Grey levels of a map in one pass, as the 2020 protocol makes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsol.localization.compiled import Floats, compiled


@compiled
def minmax_levels(grid: Floats, levels: NDArray[np.uint8]) -> None:
    """floor(255 (M - min) / (max - min)) of a finite map (H, W), into `levels`; a constant map is all zeros."""
    height, width = grid.shape
    low = high = grid[0, 0]
    for y in range(height):
        for x in range(width):
            low, high = min(low, grid[y, x]), max(high, grid[y, x])
    span = high - low
    for y in range(height):
        for x in range(width):
            levels[y, x] = np.uint8(255.0 * ((grid[y, x] - low) / span)) if span > 0 else np.uint8(0)
