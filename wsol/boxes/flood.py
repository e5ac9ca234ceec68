"""Holes filled at every threshold at once."""

from __future__ import annotations

import numpy as np

from wsol.boxes.compiled import Ints, compiled

U = np.uintp  # unsigned positions, as in trees.py
NONE, ONE = U(0), U(1)
WET = -1


@compiled
def fill_holes(ranks: Ints, levels: int) -> Ints:
    """(H, W) int32: the map with its holes filled at every threshold at once.

    {filled > t} is {ranks > t} plus every background region of it that can't reach the image's border through
    4-neighbours. Water enters at the border and rises (priority flood with one bucket a level); a pixel gets the level
    at which it is wet.
    """
    height, width = ranks.shape
    stride = U(width + 2)  # one pixel of padding, wet from the start
    around = (NONE - stride, NONE - ONE, ONE, stride)
    padded = np.full((height + 2, width + 2), WET, np.int32)
    padded[1:-1, 1:-1] = ranks
    dry = padded.ravel()
    filled = padded.copy()
    wet_at = filled.ravel()
    top = np.zeros(levels, np.uint32)  # of each level's pile of wet pixels, 0 where it is empty
    below = np.empty(dry.size, np.uint32)
    for y in range(1, height + 1):
        for x in range(1, width + 1, 1 if y in (1, height) else max(width - 1, 1)):
            p = U(y) * stride + U(x)
            shore = U(dry[p])
            dry[p] = WET
            below[p], top[shore] = top[shore], p
    for level in range(levels):
        while top[U(level)] != 0:
            p = U(top[U(level)])
            top[U(level)] = below[p]
            for step in around:
                q = p + step
                if dry[q] != WET:
                    rises = U(max(level, dry[q]))
                    dry[q] = WET
                    wet_at[q] = rises
                    below[q], top[rises] = top[rises], q
    return filled[1:-1, 1:-1].copy()
