"""Every component of every threshold of a map, in one union-find sweep from its highest value to its lowest.

Thresholding a map at all levels gives nested components: a tree. A component is written down at the moment it stops
being one, when a lower pixel joins it. So each tree node is seen once, with its box and sizes, whatever the number of
levels (Salembier et al., 1998; Najman and Couprie, 2006).

A pixel takes the label of a neighbor that is in; labels, of which there is one per local maximum, are what unions join.
So the search for a root runs over a short list that stays in the cache. Most pixels need none: their neighbors are of
one component, which grows at this level already, and the pixel lies within its columns.

The area of an outline counts the holes. At the level where a component closes around a hole, which `holes` knows, the
hole's pixels and the components in it count to its outline.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wsol.localization.compiled import Bytes, Int32, Int64, Ints, Longs, U, compiled
from wsol.localization.grid import BITS, GROUPS, INNER, POSITION, Grid

# columns of nodes: the box's first and last column, its first and last position in raster order, thresholds
# lo <= t < hi, the number of pixels, and twice the area of the outline, 0 where another component is around it
X0, X1, FIRST, LAST, LO, HI, PIXELS, HALVES = range(8)

JOINED = -1  # the level at which a label grows that is not a root any more
PIXEL = 1 << 32  # of sizes
HALF_PIXELS = PIXEL - 1  # the bits of sizes that count half pixels


class Forest(NamedTuple):
    """Union-find over labels.

    Attributes
    ----------
    label : of each position. parent : of each label. grow : (labels, 8) the growing component of each root.
    sizes : of each root's component, PIXEL times its pixels plus the half pixels in its outline; one sum is faster.
    """

    label: Ints
    parent: Ints
    grow: Ints
    sizes: Longs


class Enclosed(NamedTuple):
    """What components enclose: their holes, and the components in these, listed by the level at which holes end.

    Attributes
    ----------
    first : (levels,) a pixel of the holes that end at a level, 0 for none. after : of such a pixel, the next one.
        Listed are the first pixel of each hole, and those with foreground to their south.
    anchor : of each pixel of a hole, the one north of its first; that is in the component around the hole.
    area : of each anchor, what the hole adds to the outline of the component around it, in half pixels.
    bits : as those of a grid, of the map with its holes filled; without those of the holes.
    """

    first: Ints
    after: Ints
    anchor: Ints
    area: Ints
    bits: Bytes


@compiled
def empty_forest(size: int, pixels: int) -> Forest:
    """Room for a map of so many positions and pixels."""
    return Forest(
        np.zeros(size, np.int32),
        np.empty(pixels + 1, np.int32),
        np.empty((pixels + 1, 8), np.int32),
        np.empty(pixels + 1, np.int64),
    )


@compiled
def component_nodes(
    grid: Grid, enclosed: Enclosed, forest: Forest, seats: Ints, halves: Ints, lowest: int, nodes: Ints, made: int
) -> int:
    """Write the components of {ranks > t} for all t >= lowest - 1 to nodes[made:]; returns the new end.

    Parameters
    ----------
    seats : `seats_of` the connectivity.
    lowest : the lowest level whose pixels enter; 1, because level 0 is in no foreground, or 0.
    """
    label, parent, grow, sizes = forest
    order, begin, outline = grid.order, grid.begin, enclosed.bits
    mask = (U(1) << U(grid.shift)) - U(1)
    labels = U(0)
    end = U(made)
    for level in range(len(begin) - 2, lowest - 1, -1):
        for i in range(U(begin[level + 1]), U(begin[level])):
            entry = U(order[i])
            p, before = entry & POSITION, entry >> BITS
            step = seats[INNER, before]
            if step != 0:
                root = U(parent[U(label[p + U(step)])])
                if grow[root, HI] == level:
                    label[p] = root
                    sizes[root] += PIXEL + Int64(halves[U(outline[p])])
                    grow[root, LAST] = max(grow[root, LAST], Int32(p))
                    continue
            groups = U(seats[GROUPS, before])
            x, at = Int32(p & mask), Int32(p)
            if groups == 0:
                labels += U(1)
                label[p] = labels
                parent[labels] = labels
                grow[labels, X0] = grow[labels, X1] = x
                grow[labels, FIRST] = grow[labels, LAST] = at
                grow[labels, HI] = level
                # no half pixels but where a hole that ends here is before it: filled, its pixels are neighbors
                sizes[labels] = PIXEL + Int64(halves[U(outline[p])])
                continue
            root = find(parent, U(label[p + U(seats[1, before])]))
            if grow[root, HI] != level:
                end = write(grow, sizes, root, level, nodes, end)
            for group in range(U(2), groups + U(1)):
                other = find(parent, U(label[p + U(seats[group, before])]))
                if other == root:
                    continue
                if grow[other, HI] != level:
                    end = write(grow, sizes, other, level, nodes, end)
                if sizes[other] > sizes[root]:
                    root, other = other, root
                join(parent, grow, root, other)
                sizes[root] += sizes[other]
                grow[other, HI] = JOINED
            label[p] = root
            sizes[root] += PIXEL + Int64(halves[U(outline[p])])
            stretch(grow, root, x, at)
        if enclosed.first[level] != 0:
            end = _enclose(level, grid, enclosed, forest, nodes, end)
    for one in range(U(1), labels + U(1)):
        if U(parent[one]) == one and grow[one, HI] > 0:
            end = write(grow, sizes, one, max(lowest - 1, 0), nodes, end)
    return int(end)


@compiled
def _enclose(level: int, grid: Grid, enclosed: Enclosed, forest: Forest, nodes: Ints, end: int) -> int:
    """Count the holes that end at a level, and the components in them, to the outlines of the components around.

    A component in a hole keeps no area of its own: it is smaller than the one around it from here on. If it closes
    around a hole at this very level, that was counted before: pixels are listed backwards in raster order, and each
    component has one of the list north of all its holes.
    """
    label, parent, grow, sizes = forest
    values, after, anchor, area = grid.values, enclosed.after, enclosed.anchor, enclosed.area
    stride = U(1) << U(grid.shift)
    pixel = U(enclosed.first[level])
    while pixel != 0:
        around = find(parent, U(label[U(anchor[pixel])]))
        if U(anchor[pixel]) == pixel - stride:
            sizes[around] += area[U(anchor[pixel])]
        south = pixel + stride
        if values[south] >= level and U(label[south]) != around:
            inner = find(parent, U(label[south]))
            if inner != around:
                if grow[inner, HI] != level:
                    end = write(grow, sizes, inner, level, nodes, end)
                sizes[around] += sizes[inner] & HALF_PIXELS
                sizes[inner] &= ~HALF_PIXELS
        pixel = U(after[pixel])
    return end


@compiled
def find(parent: Ints, one: int) -> int:
    """The root of a label; halves the path to it."""
    while U(parent[one]) != one:
        parent[one] = parent[U(parent[one])]
        one = U(parent[one])
    return one


@compiled
def write(grow: Ints, sizes: Longs, root: int, level: int, nodes: Ints, end: int) -> int:
    """Write a component, which stands down to t = level, to the nodes; from here on it grows at `level`."""
    for column in range(8):
        nodes[end, U(column)] = grow[root, U(column)]
    nodes[end, LO] = level
    nodes[end, PIXELS] = sizes[root] // PIXEL
    nodes[end, HALVES] = sizes[root] & HALF_PIXELS
    grow[root, HI] = level
    return end + U(1)


@compiled
def join(parent: Ints, grow: Ints, root: int, other: int) -> None:
    """Let `other` be a part of `root`, sizes aside."""
    parent[other] = root
    grow[root, X0] = min(grow[root, X0], grow[other, X0])
    grow[root, X1] = max(grow[root, X1], grow[other, X1])
    grow[root, FIRST] = min(grow[root, FIRST], grow[other, FIRST])
    grow[root, LAST] = max(grow[root, LAST], grow[other, LAST])


@compiled
def stretch(grow: Ints, root: int, x: int, at: int) -> None:
    """Let the box of `root` hold a pixel."""
    grow[root, X0] = min(grow[root, X0], x)
    grow[root, X1] = max(grow[root, X1], x)
    grow[root, FIRST] = min(grow[root, FIRST], at)
    grow[root, LAST] = max(grow[root, LAST], at)
