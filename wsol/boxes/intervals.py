"""The best of many overlapping intervals, at every integer at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsol.boxes.compiled import Ints, compiled


@compiled
def winners(order: NDArray[np.int64], lo: Ints, hi: Ints, levels: int) -> Ints:
    """(levels,) int32: at each level t the first i of `order` with lo[i] <= t < hi[i], or -1.

    Intervals are painted best first; a pointer skips what is already painted, so long ties cost nothing.
    """
    winner = np.full(levels, -1, np.int32)
    free = np.arange(levels + 1)
    for i in order:
        t = lo[i]
        while True:
            while free[t] != t:
                free[t] = free[free[t]]
                t = free[t]
            if t >= hi[i]:
                break
            winner[t] = i
            free[t] = t + 1
    return winner
