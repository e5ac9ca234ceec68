"""Every component of every threshold of a map, in one union-find sweep from its highest value to its lowest.

Thresholding a map at all levels gives nested components: a tree. A component is written down at the moment it stops
being one, when a lower pixel joins it. So each tree node is seen once, with its box and sizes, whatever the number of
levels (Salembier et al., 1998; Najman and Couprie, 2006).

A pixel takes the label of a neighbor that is in; labels, of which there is one per local maximum, are what unions
join. So the search for a root runs over a short list that stays in the cache, and most pixels need one.
"""

from __future__ import annotations

import numpy as np

from wsol.localization.compiled import Bytes, Ints, Longs, U, compiled

# columns of nodes, inclusive: the columns x0..x1, the first and the last position in raster order, thresholds lo <= t < hi,
# the number of pixels, and twice the area of the outline (exact where there is no hole)
X0, X1, FIRST, LAST, LO, HI, PIXELS, HALVES = range(8)


@compiled
def component_nodes(
    order: Ints,
    begin: Longs,
    lowest: int,
    bits: Bytes,
    shift: int,
    seats: Longs,
    halves: Ints,
    label: Ints,
    parent: Ints,
    grow: Ints,
    nodes: Ints,
    made: int,
) -> int:
    """Write the components of {ranks > t} for all t >= lowest - 1 to nodes[made:]; returns the new end.

    Parameters
    ----------
    order, begin, bits : of the map, see `grid`.
    lowest : the lowest level whose pixels enter; 1, because level 0 is in no foreground, or 0.
    seats : `seats_of` the connectivity.
    label : scratch, a label for each position. parent, grow : scratch, one row for each label, growing as `nodes`.
    """
    mask = (U(1) << U(shift)) - U(1)
    labels = U(0)
    end = U(made)
    for level in range(len(begin) - 2, lowest - 1, -1):
        for i in range(U(begin[level + 1]), U(begin[level])):
            p = U(order[i])
            before = U(bits[p])
            groups = U(seats[before, 0])
            x, at = np.int32(p & mask), np.int32(p)
            if groups == 0:
                labels += U(1)
                label[p] = labels
                parent[labels] = labels
                grow[labels, X0] = grow[labels, X1] = x
                grow[labels, FIRST] = grow[labels, LAST] = at
                grow[labels, HI] = level
                grow[labels, PIXELS] = 1
                grow[labels, HALVES] = 0
                continue
            root = find(parent, U(label[p + U(seats[before, 1])]))
            if grow[root, HI] != level:
                end = write(grow, root, level, nodes, end)
            for group in range(U(2), groups + U(1)):
                other = find(parent, U(label[p + U(seats[before, group])]))
                if other == root:
                    continue
                if grow[other, HI] != level:
                    end = write(grow, other, level, nodes, end)
                if grow[other, PIXELS] > grow[root, PIXELS]:
                    root, other = other, root
                join(parent, grow, root, other)
            label[p] = root
            grow[root, PIXELS] += 1
            grow[root, HALVES] += halves[before]
            # most pixels lie within the box; writing it each time would make each pixel wait for the one before
            if (x < grow[root, X0]) | (x > grow[root, X1]) | (at < grow[root, FIRST]) | (at > grow[root, LAST]):
                stretch(grow, root, x, at)
    for one in range(U(1), labels + U(1)):
        if U(parent[one]) == one and grow[one, HI] > 0:
            end = write(grow, one, max(lowest - 1, 0), nodes, end)
    return int(end)


@compiled
def find(parent: Ints, one: np.uintp) -> np.uintp:
    """The root of a label; halves the path to it."""
    while U(parent[one]) != one:
        parent[one] = parent[U(parent[one])]
        one = U(parent[one])
    return one


@compiled
def write(grow: Ints, root: np.uintp, level: int, nodes: Ints, end: np.uintp) -> np.uintp:
    """Write a component, which stands down to t = level, to the nodes; from here on it grows at `level`."""
    for column in range(8):
        nodes[end, U(column)] = grow[root, U(column)]
    nodes[end, LO] = level
    grow[root, HI] = level
    return end + U(1)


@compiled
def join(parent: Ints, grow: Ints, root: np.uintp, other: np.uintp) -> None:
    """Let `other` be a part of `root`."""
    parent[other] = root
    grow[root, X0] = min(grow[root, X0], grow[other, X0])
    grow[root, X1] = max(grow[root, X1], grow[other, X1])
    grow[root, FIRST] = min(grow[root, FIRST], grow[other, FIRST])
    grow[root, LAST] = max(grow[root, LAST], grow[other, LAST])
    grow[root, PIXELS] += grow[other, PIXELS]
    grow[root, HALVES] += grow[other, HALVES]


@compiled
def stretch(grow: Ints, root: np.uintp, x: np.int32, at: np.int32) -> None:
    """Let the box of `root` hold a pixel."""
    grow[root, X0] = min(grow[root, X0], x)
    grow[root, X1] = max(grow[root, X1], x)
    grow[root, FIRST] = min(grow[root, FIRST], at)
    grow[root, LAST] = max(grow[root, LAST], at)
