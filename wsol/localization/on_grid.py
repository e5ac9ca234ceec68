"""From tables over levels to step functions over thresholds, and to bits of hits: compiled, flat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol.localization.compiled import Floats, Ints, compiled

Starts = NDArray[np.int64]  # (n, p): the level that each of p thresholds stands for


@compiled
def step_values(table: NDArray[Any], starts: Starts, points: Floats) -> tuple[Floats, NDArray[Any], Ints]:
    """Breaks, values and offsets of n step functions: table (n, levels, c) at the levels of ascending `points` (p,)."""
    (n, p), c = starts.shape, table.shape[2]
    breaks, values, offsets = np.empty(n * p), np.empty((n * p, c), table.dtype), np.zeros(n + 1, np.int32)
    made = 0
    for i in range(n):
        for j in range(p):
            t = starts[i, j]
            changed = j == 0
            for k in range(c):
                changed = changed or table[i, t, k] != values[made - 1, k]
            if changed:
                breaks[made] = points[j]
                for k in range(c):
                    values[made, k] = table[i, t, k]
                made += 1
        offsets[i + 1] = made
    return breaks[:made].copy(), values[:made].copy(), offsets


@compiled
def packed_hits(iou: Floats, starts: Starts, deltas: Floats, ge: bool) -> NDArray[np.uint8]:
    """(n, bytes): whether the IoU reaches each delta at each threshold, delta by delta, first bit highest."""
    n, p = starts.shape
    bits = np.zeros((n, (len(deltas) * p + 7) // 8), np.uint8)
    for i in range(n):
        for d in range(len(deltas)):
            for j in range(p):
                value = iou[i, starts[i, j]]
                if value > deltas[d] or (ge and value == deltas[d]):
                    place = d * p + j
                    bits[i, place >> 3] |= np.uint8(128 >> (place & 7))
    return bits
