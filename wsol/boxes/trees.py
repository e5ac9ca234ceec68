"""Every component of every threshold of a map, in one union-find pass from its highest value to its lowest.

Thresholding a map at all levels gives nested components: a tree. Pixels enter from high to low; a pixel joins the
components it touches. A component is written down at the moment it stops being a component: when a lower pixel joins
it. So each tree node is seen once, with its box and sizes, whatever the number of levels (Salembier et al., 1998;
Najman and Couprie, 2006). Ring tables say, for the 8 bits of "which neighbours are already in", which of them can
belong to different components, so that most pixels need one root search rather than eight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsol.boxes.compiled import Ints, compiled

# columns of a tree's rows, and of the scratch table that holds the growing components
X0, Y0, X1, Y1, LO, HI, PIXELS, HALVES, FIRST = range(9)

# (dx, dy) clockwise from north: even positions are 4-neighbours, odd ones corners
RING = ((0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1))


def _ring_table(connectivity: int) -> Ints:
    """(256, 4): one ring position for each component that the neighbours in this bit set form, then -1."""
    table = np.full((256, 4), -1, np.int32)
    for bits in range(256):
        inside = [i for i in range(8) if bits >> i & 1]
        group = {i: i for i in inside}
        for a in inside:
            for b in inside:
                step = (b - a) % 8
                # steps of 2 between 4-neighbours are diagonal contacts: only 8-connectivity knows them
                if (step == 1 or (step == 2 and a % 2 == 0 and connectivity == 8)) and group[a] != group[b]:
                    old, new = group[b], group[a]
                    group = {i: new if g == old else g for i, g in group.items()}
        # with 4-connectivity corners connect only through a 4-neighbour
        seats = [i for i in inside if connectivity == 8 or i % 2 == 0]
        for seat, name in enumerate(sorted({group[i] for i in seats})):
            table[bits, seat] = min(i for i in seats if group[i] == name)
    return table


def _halves_table() -> Ints:
    """(256,): half pixels of polygon area that a pixel adds: one for each 2x2 square where it is the third or fourth.

    The outline of an 8-connected region through pixel centres, holes filled, encloses one unit for each full 2x2 square
    and half a unit for each square with three pixels.
    """
    squares = [sum(1 << (corner + k) % 8 for k in (-1, 0, 1)) for corner in (1, 3, 5, 7)]
    return np.array([sum((bits & s).bit_count() >= 2 for s in squares) for bits in range(256)], np.int32)


RINGS = {8: _ring_table(8), 4: _ring_table(4)}
HALVES_OF = _halves_table()

# positions are unsigned: numba then need not ask whether an index counts from the end, a fifth of the time
U = np.uintp
NONE, ONE = U(0), U(1)  # position 0 is padding


def component_rows(ranks: Ints, levels: int, connectivity: int = 8) -> Ints:
    """All components of {ranks > t} over all t, one row each, as (m, 9) int32.

    Parameters
    ----------
    ranks : (H, W) int32, C-contiguous, values 0..levels-1 (not checked here).

    Returns
    -------
    Columns X0, Y0, X1, Y1 (inclusive pixel box), LO, HI (component of every t with LO <= t < HI),
    PIXELS, HALVES (twice the area of its outline; exact where the component has no hole), FIRST (increases with the
    raster index of its first pixel).
    """
    rows = _component_rows(ranks, levels, RINGS[connectivity], HALVES_OF)
    # the first and the last position of a component say its rows, so growing it needs no y
    stride = ranks.shape[1] + 2
    rows[:, Y0] = rows[:, FIRST] // stride - 1
    rows[:, Y1] = rows[:, Y1] // stride - 1
    return rows


@compiled
def _component_rows(ranks: Ints, levels: int, ring: Ints, halves: Ints) -> Ints:
    """`component_rows`, but Y1 holds the position of the last pixel and Y0 nothing."""
    height, width = ranks.shape
    stride = U(width + 2)  # one pixel of padding, so that neighbours need no bounds checks
    size = (height + 2) * (width + 2)
    north, west = NONE - stride, NONE - ONE
    around = (north, north + ONE, ONE, stride + ONE, stride, stride + west, west, north + west)  # as RING

    start = np.zeros(levels + 1, U)
    for y in range(height):
        for x in range(width):
            start[levels - 1 - ranks[y, x]] += ONE
    place = NONE
    for bucket in range(levels + 1):
        place, start[bucket] = place + start[bucket], place
    order = np.empty(height * width, np.uint32)
    column = np.empty(size, np.int32)
    for y in range(height):
        for x in range(width):
            p = U(y + 1) * stride + U(x + 1)
            column[p] = x
            bucket = levels - 1 - ranks[y, x]
            order[start[bucket]] = p
            start[bucket] += ONE

    parent = np.empty(size, np.uint32)
    inside = np.zeros(size, np.uint8)
    # rows of growing components, at their root's position; HI is the level of the latest pixel, LO unused
    grow = np.empty((size, 9), np.int32)
    rows = np.empty((height * width, 9), np.int32)
    made = begin = NONE
    for bucket in range(levels):
        level = np.int32(levels - 1 - bucket)
        end = start[bucket]
        for i in range(begin, end):
            p = U(order[i])
            x, at = column[p], np.int32(p)
            bits = U(0)
            for k in range(8):
                bits |= U(inside[p + around[k]]) << U(k)
            inside[p] = 1
            root = NONE
            for seat in range(4):
                if ring[bits, seat] < 0:
                    break
                other = _root(parent, p + around[U(ring[bits, seat])])
                if other == root:
                    continue
                if grow[other, HI] != level:
                    rows[made] = grow[other]
                    rows[made, LO] = level
                    made += ONE
                    grow[other, HI] = level
                if root == NONE:
                    root = other
                    continue
                if grow[other, PIXELS] > grow[root, PIXELS]:
                    root, other = other, root
                parent[other] = root
                grow[root, X0] = min(grow[root, X0], grow[other, X0])
                grow[root, X1] = max(grow[root, X1], grow[other, X1])
                grow[root, Y1] = max(grow[root, Y1], grow[other, Y1])
                grow[root, PIXELS] += grow[other, PIXELS]
                grow[root, HALVES] += grow[other, HALVES]
                grow[root, FIRST] = min(grow[root, FIRST], grow[other, FIRST])
            if root == NONE:
                parent[p] = p
                grow[p, X0] = grow[p, X1] = x
                grow[p, Y1] = grow[p, FIRST] = at
                grow[p, HI] = level
                grow[p, PIXELS] = 1
                grow[p, HALVES] = 0
                continue
            parent[p] = root
            grow[root, X0] = min(grow[root, X0], x)
            grow[root, X1] = max(grow[root, X1], x)
            grow[root, Y1] = max(grow[root, Y1], at)
            grow[root, PIXELS] += 1
            grow[root, HALVES] += halves[bits]
            grow[root, FIRST] = min(grow[root, FIRST], at)
        begin = end
    root = _root(parent, U(order[0]))
    if grow[root, HI] > 0:
        rows[made] = grow[root]
        rows[made, LO] = 0
        made += ONE
    return rows[:made].copy()


@compiled
def _root(parent: NDArray[np.uint32], p: np.uintp) -> np.uintp:
    while parent[p] != p:
        parent[p] = parent[parent[p]]
        p = U(parent[p])
    return p
