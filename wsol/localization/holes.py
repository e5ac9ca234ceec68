"""The holes of every threshold of a map: 4-connected regions of background that don't touch the border.

The sweep of the components run backwards: pixels leave the foreground from low to high, and regions of background grow.
One that meets the border is not a hole from then on, and need not be followed further. All pixels of a hole meet it
at the same level, so the map with its holes filled at every threshold is known as well.
"""

from __future__ import annotations

import numpy as np

from wsol.localization.compiled import Bytes, Int32, Ints, U, compiled
from wsol.localization.components import (
    FIRST,
    HALVES,
    HI,
    JOINED,
    LAST,
    LO,
    X0,
    X1,
    Enclosed,
    Forest,
    find,
    join,
    stretch,
)
from wsol.localization.grid import BITS, GROUPS, POSITION, SINGLE, Grid, neighbors_before

BORDER = 0  # the label of background that meets the border, and of padding
START = HALVES  # of a growing hole: its first pixel before the present level
NOWHERE = 2**31 - 1
OPEN = -1  # the end of a hole that has not met the border yet


@compiled
def hole_nodes(grid: Grid, top: int, forest: Forest, seats: Ints, nodes: Ints) -> int:
    """Write all holes of {ranks > t}, grown by one pixel on each side, to the nodes; returns how many.

    Afterwards a pixel's label is BORDER or its hole's, of which `grow` says where it ends and begins: HI and START.

    Parameters
    ----------
    top : the map's highest level. seats : `seats_of` connectivity 4.
    """
    label, parent, grow, sizes = forest
    order, begin = grid.order, grid.begin
    mask = (U(1) << U(grid.shift)) - U(1)
    stride = 1 << grid.shift
    labels, made = U(0), U(0)
    parent[BORDER] = BORDER
    grow[BORDER, HI] = 0
    for level in range(top):
        after = U(begin[level])
        for back in range(U(1), after - U(begin[level + 1]) + U(1)):
            entry = U(order[after - back])
            p, before = entry & POSITION, U(255) - (entry >> BITS)
            x, at = Int32(p & mask), Int32(p)
            step = seats[SINGLE, before]
            if step != 0:
                one = U(label[p + U(step)])
                root = U(parent[one])
                if one == BORDER or grow[root, HI] != OPEN:
                    label[p] = BORDER
                    continue
                if grow[root, LO] == level:
                    label[p] = root
                    stretch(grow, root, x, at)
                    continue
            groups = U(seats[GROUPS, before])
            if groups == 0:
                labels += U(1)
                label[p] = labels
                parent[labels] = labels
                grow[labels, X0] = grow[labels, X1] = x
                grow[labels, FIRST] = grow[labels, LAST] = at
                grow[labels, LO] = level
                grow[labels, HI] = OPEN
                grow[labels, START] = NOWHERE
                sizes[labels] = 1
                continue
            root = find(parent, U(label[p + U(seats[1, before])]))
            meets_border = grow[root, HI] != OPEN
            for group in range(U(2), groups + U(1)):
                meets_border |= grow[find(parent, U(label[p + U(seats[group, before])])), HI] != OPEN
            if meets_border:
                label[p] = BORDER
                for group in range(U(1), groups + U(1)):
                    other = find(parent, U(label[p + U(seats[group, before])]))
                    if grow[other, HI] == OPEN:
                        if grow[other, LO] != level:
                            made = _write(grow, other, level, stride, nodes, made)
                        grow[other, HI] = level
                continue
            if grow[root, LO] != level:
                made = _write(grow, root, level, stride, nodes, made)
            for group in range(U(2), groups + U(1)):
                other = find(parent, U(label[p + U(seats[group, before])]))
                if other == root:
                    continue
                if grow[other, LO] != level:
                    made = _write(grow, other, level, stride, nodes, made)
                if sizes[other] > sizes[root]:
                    root, other = other, root
                start = min(grow[root, START], grow[other, START])
                join(parent, grow, root, other)
                sizes[root] += sizes[other]
                grow[root, START] = start
                grow[other, LO] = JOINED
            label[p] = root
            stretch(grow, root, x, at)
    for i in range(U(begin[top])):
        label[U(order[i]) & POSITION] = BORDER
    for one in range(U(1), labels + U(1)):
        if U(parent[one]) == one and grow[one, HI] == OPEN:
            made = _write(grow, one, top, stride, nodes, made)
            grow[one, HI] = top
    _share(forest, labels)
    return int(made)


@compiled
def _share(forest: Forest, labels: int) -> None:
    """Let each label say what its root says of the hole, so that pixels need not search for theirs."""
    for one in range(U(1), labels + U(1)):
        root = find(forest.parent, one)
        forest.grow[one, HI], forest.grow[one, START] = forest.grow[root, HI], forest.grow[root, START]


@compiled
def _write(grow: Ints, root: int, level: int, stride: int, nodes: Ints, made: int) -> int:
    nodes[made, X0] = grow[root, X0] - 1
    nodes[made, X1] = grow[root, X1] + 1
    nodes[made, FIRST] = grow[root, FIRST] - stride
    nodes[made, LAST] = grow[root, LAST] + stride
    nodes[made, LO] = grow[root, LO]
    nodes[made, HI] = level
    grow[root, LO] = level
    grow[root, START] = grow[root, FIRST]
    return made + U(1)


@compiled
def empty_enclosed(size: int, levels: int, bits: Bytes) -> Enclosed:
    """Nothing enclosed."""
    room = np.empty(size, np.int32)
    return Enclosed(np.zeros(levels, np.int32), room, np.empty_like(room), np.empty_like(room), bits)


@compiled
def enclose(grid: Grid, forest: Forest, halves: Ints, filled: Ints, inside: Ints, enclosed: Enclosed) -> None:
    """List what components enclose, right after `hole_nodes`. `filled`, a padded map, and `inside` are scratch."""
    label, _, grow, _ = forest
    first, after, anchor, area, bits = enclosed
    values, height, width, shift = grid.values, grid.height, grid.width, U(grid.shift)
    stride = U(1) << shift
    filled[:] = values
    count = U(0)
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            p = (U(y) << shift) + U(x)
            hole = U(label[p])
            if hole != BORDER and grow[hole, HI] > values[p]:
                filled[p] = grow[hole, HI]
                inside[count] = p
                count += U(1)
    neighbors_before(filled, height, width, grid.shift, bits)
    first[:] = 0
    for k in range(count):
        p = U(inside[k])
        anchor[p] = grow[U(label[p]), START] - Int32(stride)
        area[U(anchor[p])] = 0
    for k in range(count):
        p = U(inside[k])
        area[U(anchor[p])] += halves[U(bits[p])]
        bits[p] = 0
        if values[p + stride] >= filled[p] or U(anchor[p]) == p - stride:
            after[p], first[U(filled[p])] = first[U(filled[p])], p
