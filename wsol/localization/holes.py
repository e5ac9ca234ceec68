"""The holes of every threshold of a map: 4-connected regions of background that don't touch the border.

The sweep of the components run backwards: pixels leave the foreground from low to high, and regions of background grow.
One that meets the border is no hole from then on, and need not be followed further. All pixels of a hole reach the
border at the same level, so the map with its holes filled at every threshold is known as well.
"""

from __future__ import annotations

import numpy as np

from wsol.localization.compiled import Bytes, Ints, Longs, U, compiled
from wsol.localization.components import FIRST, HI, LAST, LO, PIXELS, X0, X1, find, join, stretch

BORDER = 0  # the label of background that reaches the border, and of padding
OPEN = -1  # the end of a hole that has not met the border yet


@compiled
def hole_nodes(
    order: Ints,
    begin: Longs,
    top: int,
    bits: Bytes,
    shift: int,
    seats: Longs,
    label: Ints,
    parent: Ints,
    grow: Ints,
    nodes: Ints,
) -> int:
    """Write all holes of {ranks > t}, grown by one pixel on each side, to the nodes; returns how many.

    Afterwards `label` holds BORDER or the label of each pixel's hole, and grow[find(label), HI] where that ends.

    Parameters
    ----------
    order, begin, bits : of the map, see `grid`. top : its highest level.
    seats : `seats_of` connectivity 4. label : scratch, BORDER on the padding. parent, grow : scratch.
    """
    mask = (U(1) << U(shift)) - U(1)
    around = 1 << shift
    labels = U(0)
    made = U(0)
    parent[BORDER] = BORDER
    grow[BORDER, HI] = 0
    for level in range(top):
        first = U(begin[level + 1])
        for k in range(U(begin[level]) - first):
            p = U(order[U(begin[level]) - U(1) - k])
            before = U(255) - U(bits[p])
            groups = U(seats[before, 0])
            x, at = np.int32(p & mask), np.int32(p)
            if groups == 0:
                labels += U(1)
                label[p] = labels
                parent[labels] = labels
                grow[labels, X0] = grow[labels, X1] = x
                grow[labels, FIRST] = grow[labels, LAST] = at
                grow[labels, LO] = level
                grow[labels, HI] = OPEN
                grow[labels, PIXELS] = 1
                continue
            if groups == 1 and label[p + U(seats[before, 1])] == BORDER:
                label[p] = BORDER
                continue
            outside = False
            for group in range(U(1), groups + U(1)):
                outside |= grow[find(parent, U(label[p + U(seats[before, group])])), HI] != OPEN
            root = U(BORDER)
            for group in range(U(1), groups + U(1)):
                other = find(parent, U(label[p + U(seats[before, group])]))
                if other == root or grow[other, HI] != OPEN:
                    continue
                if grow[other, LO] != level:
                    made = _write(grow, other, level, around, nodes, made)
                if outside:
                    grow[other, HI] = level
                elif root == BORDER:
                    root = other
                else:
                    if grow[other, PIXELS] > grow[root, PIXELS]:
                        root, other = other, root
                    join(parent, grow, root, other)
            label[p] = root
            if not outside:
                grow[root, PIXELS] += 1
                stretch(grow, root, x, at)
    for i in range(U(begin[top])):
        label[U(order[i])] = BORDER
    for one in range(U(1), labels + U(1)):
        if U(parent[one]) == one and grow[one, HI] == OPEN:
            made = _write(grow, one, top, around, nodes, made)
            grow[one, HI] = top
    return int(made)


@compiled
def _write(grow: Ints, root: np.uintp, level: int, around: int, nodes: Ints, made: np.uintp) -> np.uintp:
    nodes[made, X0] = grow[root, X0] - 1
    nodes[made, X1] = grow[root, X1] + 1
    nodes[made, FIRST] = grow[root, FIRST] - around
    nodes[made, LAST] = grow[root, LAST] + around
    nodes[made, LO] = grow[root, LO]
    nodes[made, HI] = level
    grow[root, LO] = level
    return made + U(1)


@compiled
def fill(padded: Ints, height: int, width: int, shift: int, label: Ints, parent: Ints, grow: Ints, filled: Ints) -> None:
    """Write the padded map with its holes filled at every threshold; after `hole_nodes`."""
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            p = (U(y) << U(shift)) + U(x)
            one = U(label[p])
            filled[p] = padded[p] if one == BORDER else grow[find(parent, one), HI]
