"""One map in the form that the sweeps need: padded, its pixels sorted by level, and which of the neighbors are higher.

A padded map is flat. Its rows are a power of two apart, so that a position p holds its column (p & mask) and its row
(p >> shift), and positions compare in raster order. One pixel of padding on each side, with the value OUTSIDE.

Pixels enter from high to low, equal ones in raster order. The neighbors that entered before a pixel are then known
from the map alone, as 8 bits; the sweep itself compares nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsol.localization.compiled import Bytes, Int64, Ints, Longs, U, compiled

OUTSIDE = -1  # of padding: never foreground
BITS = U(32)  # of an entry of `order`
POSITION = U((1 << 32) - 1)


class Grid(NamedTuple):
    """A padded map.

    Attributes
    ----------
    height, width : of the map. shift : rows are 2 ** shift apart.
    values : the padded map.
    bits : which neighbors of a pixel enter before it, bit k for the k-th of RING.
    order : the positions from high to low, equal ones in raster order, in the bits of POSITION. In those from BITS on
        the position's `bits`, which a sweep then need not look up all over the map.
    begin : (levels + 1,); the pixels of level v are order[begin[v + 1] : begin[v]].
    """

    height: int
    width: int
    shift: int
    values: Ints
    bits: Bytes
    order: Longs
    begin: Longs


@compiled
def empty_grid(height: int, width: int, shift: int, levels: int) -> Grid:
    """Room for a map."""
    size = (height + 2) << shift
    values, bits = np.full(size, OUTSIDE, np.int32), np.zeros(size, np.uint8)
    return Grid(height, width, shift, values, bits, np.empty(height * width, np.int64), np.empty(levels + 1, np.int64))


@compiled
def enter(grid: Grid, ranks: Ints | Bytes) -> tuple[int, int]:
    """Copy a map into its grid; returns its lowest and its highest rank. `sort` is to follow."""
    low = high = Int64(ranks[0, 0])
    for y in range(grid.height):
        row = U(y + 1) << U(grid.shift)
        for x in range(grid.width):
            rank = Int64(ranks[y, x])
            grid.values[row + U(x + 1)] = rank
            low, high = min(low, rank), max(high, rank)
    return low, high


@compiled
def sort(grid: Grid) -> None:
    """Fill in the order of a map's pixels and the bits of their neighbors."""
    neighbors_before(grid.values, grid.height, grid.width, grid.shift, grid.bits)
    values, bits, shift = grid.values, grid.bits, U(grid.shift)
    order, begin = grid.order, grid.begin
    begin[:] = 0
    for y in range(1, grid.height + 1):
        for x in range(1, grid.width + 1):
            begin[U(values[(U(y) << shift) + U(x)])] += 1
    place = 0
    for level in range(len(begin) - 1, -1, -1):
        place, begin[level] = place + begin[level], place
    for y in range(1, grid.height + 1):
        for x in range(1, grid.width + 1):
            p = (U(y) << shift) + U(x)
            level = U(values[p])
            place = begin[level]  # read once: to the compiler the write to `order` may change it
            order[U(place)] = p | (U(bits[p]) << BITS)
            begin[level] = place + 1


# rows of `seats_of`
GROUPS, SINGLE, INNER = 0, 5, 6

# (dx, dy) clockwise from north: even places are 4-neighbors, odd ones corners
RING = ((0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1))


def _ring_table(connectivity: int) -> Ints:
    """(256, 4): one ring place for each component that the neighbors in this bit set form, then -1."""
    table = np.full((256, 4), -1, np.int32)
    for bits in range(256):
        inside = [i for i in range(8) if bits >> i & 1]
        group = {i: i for i in inside}
        for a in inside:
            for b in inside:
                step = (b - a) % 8
                # steps of 2 between 4-neighbors are diagonal contacts: only 8-connectivity knows them
                if (step == 1 or (step == 2 and a % 2 == 0 and connectivity == 8)) and group[a] != group[b]:
                    old, new = group[b], group[a]
                    group = {i: new if g == old else g for i, g in group.items()}
        # with 4-connectivity corners connect only through a 4-neighbor
        seats = [i for i in inside if connectivity == 8 or i % 2 == 0]
        for seat, name in enumerate(sorted({group[i] for i in seats})):
            table[bits, seat] = min(i for i in seats if group[i] == name)
    return table


def _halves_table() -> Ints:
    """(256,): half pixels of polygon area that a pixel adds: one for each 2x2 square where it is the third or fourth.

    The outline of an 8-connected region through pixel centers, holes filled, encloses one unit for each full 2x2 square
    and half a unit for each square with three pixels.
    """
    squares = [sum(1 << (corner + k) % 8 for k in (-1, 0, 1)) for corner in (1, 3, 5, 7)]
    return np.array([sum((bits & s).bit_count() >= 2 for s in squares) for bits in range(256)], np.int32)


RINGS = {8: _ring_table(8), 4: _ring_table(4)}
HALVES_OF = _halves_table()


def shift_of(width: int) -> int:
    """Rows of padded maps of this width are 2 ** shift apart."""
    return (width + 1).bit_length()


def _widens_table(connectivity: int) -> NDArray[np.bool_]:
    """(256,): whether a pixel may be left or right of all in the component that the neighbors in a bit set are of."""
    places = range(0, 8, 1 if connectivity == 8 else 2)
    columns = [[RING[k][0] for k in places if bits >> k & 1] for bits in range(256)]
    return np.array([not inside or min(inside) > 0 or max(inside) < 0 for inside in columns])


@lru_cache(maxsize=64)
def seats_of(connectivity: int, shift: int) -> Ints:
    """(7, 256): for each bit set, how many components the neighbors in it form, and the step to one pixel of each.

    Two more rows are for the pixels that most are. SINGLE: the step where they form one component, otherwise 0. INNER:
    as SINGLE, but 0 as well where the pixel may be left or right of all others of the component.
    """
    steps = np.array([dx + (dy << shift) for dx, dy in RING])
    ring = RINGS[connectivity].T
    groups, seats = (ring >= 0).sum(0), np.where(ring >= 0, steps[ring], 0)
    single = np.where(groups == 1, seats[0], 0)
    inner = np.where(_widens_table(connectivity), 0, single)
    return np.ascontiguousarray(np.vstack([groups, seats, single, inner]), np.int32)


@compiled
def neighbors_before(padded: Ints, height: int, width: int, shift: int, bits: Bytes) -> None:
    """Write which neighbors of each pixel enter before it: bit k for the k-th of RING."""
    stride = U(1) << U(shift)
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            p = (U(y) << U(shift)) + U(x)
            value = padded[p]
            # of equal pixels those before in raster order are in
            before = np.uint8(padded[p - stride] >= value)
            before |= np.uint8(padded[p - stride + U(1)] >= value) << np.uint8(1)
            before |= np.uint8(padded[p + U(1)] > value) << np.uint8(2)
            before |= np.uint8(padded[p + stride + U(1)] > value) << np.uint8(3)
            before |= np.uint8(padded[p + stride] > value) << np.uint8(4)
            before |= np.uint8(padded[p + stride - U(1)] > value) << np.uint8(5)
            before |= np.uint8(padded[p - U(1)] >= value) << np.uint8(6)
            before |= np.uint8(padded[p - stride - U(1)] >= value) << np.uint8(7)
            bits[p] = before
