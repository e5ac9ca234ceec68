"""How the few inner loops of this room are compiled, and those that are shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compiled by numba at the first call, kept on disk for the next process, run without the GIL.

    Give it arrays of one type only: each new type is compiled again, which takes seconds.
    """
    return cast(F, numba.njit(cache=True, nogil=True)(function))


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
