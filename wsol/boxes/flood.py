"""Holes filled at every threshold at once."""

from __future__ import annotations

import numpy as np

from wsol.boxes.compiled import Ints, compiled


@compiled
def fill_holes(ranks: Ints, levels: int) -> Ints:
    """(H, W) int32: the map with its holes filled at every threshold at once.

    {filled > t} is {ranks > t} plus every background region of it that can't reach the image's border through
    4-neighbours. Water enters at the border and rises (priority flood with one bucket a level); a pixel gets the level
    at which it is wet.
    """
    height, width = ranks.shape
    filled = np.full((height, width), -1, np.int32)
    top = np.full(levels, -1, np.int32)
    below = np.empty(height * width, np.int32)
    for y in range(height):
        step = 1 if y in (0, height - 1) or width == 1 else width - 1
        for x in range(0, width, step):
            level = ranks[y, x]
            filled[y, x] = level
            below[y * width + x] = top[level]
            top[level] = y * width + x
    for level in range(levels):
        while top[level] >= 0:
            p = top[level]
            top[level] = below[p]
            y = p // width
            x = p - y * width
            for k in range(4):
                j, i = y + (k == 0) - (k == 1), x + (k == 2) - (k == 3)
                if 0 <= j < height and 0 <= i < width and filled[j, i] < 0:
                    wet = max(level, ranks[j, i])
                    filled[j, i] = wet
                    below[j * width + i] = top[wet]
                    top[wet] = j * width + i
    return filled
