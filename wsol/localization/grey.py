"""Grey levels of a map in one pass, as the 2020 protocol makes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsol.localization.compiled import Floats, compiled


@compiled
def minmax_levels(grid: Floats, levels: NDArray[np.uint8]) -> None:
    """floor(255 (M - min) / (max - min)) of a finite map (H, W), into `levels`; a constant map is all zeros."""
    height, width = grid.shape
    lows, highs = grid[0].copy(), grid[0].copy()  # of each column, so that the compiler takes several at a time
    for y in range(height):
        for x in range(width):
            value = grid[y, x]
            lows[x] = value if value < lows[x] else lows[x]
            highs[x] = value if value > highs[x] else highs[x]
    low = lows.min()
    span = highs.max() - low
    if span <= 0:
        levels[:] = 0
        return
    for y in range(height):
        for x in range(width):
            levels[y, x] = np.uint8(255.0 * ((grid[y, x] - low) / span))
