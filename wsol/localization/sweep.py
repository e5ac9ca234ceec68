"""The compiled call behind `levels`: all maps, all rules."""

from __future__ import annotations

import numpy as np

from wsol.localization.compiled import Bytes, Floats, Ints, Longs, U, compiled
from wsol.localization.components import component_nodes
from wsol.localization.grid import OUTSIDE, neighbors_before, sort_pixels
from wsol.localization.holes import fill, hole_nodes
from wsol.localization.rules import (
    ALL,
    ALL_WITH_HOLES,
    COMPONENT,
    CONNECTIVITY,
    LARGEST_POLYGON,
    empty_iou,
    score_all,
    score_largest,
)


@compiled
def sweep_maps(
    small: Bytes,
    large: Ints,
    levels: int,
    shift: int,
    gt: Floats,
    offsets: Longs,
    rules: Longs,
    place: Longs,
    seats8: Longs,
    seats4: Longs,
    halves: Ints,
    iou: Floats,
    count: Ints,
    boxes: Ints,
) -> tuple[int, int]:
    """Fill the tables of `levels.sweep_levels`; returns the lowest and the highest rank, of all maps or the first bad one.

    Parameters
    ----------
    small, large : (n, H, W) the ranks, in one of the two; the other has no maps. So there is one type to compile for.
    rules : (k, 6) coded rules. place : (k,) where in `count` or `boxes` a rule's results go.
    iou : (k, n, levels). count : (number of rules with several boxes, n, levels). boxes : (of the others, n, levels, 4).
    """
    byte = len(small) > 0
    maps, height, width = small.shape if byte else large.shape
    polygon = want4 = want8 = want_holes = False
    for k in range(len(rules)):
        polygon |= rules[k, COMPONENT] == LARGEST_POLYGON
        want_holes |= rules[k, COMPONENT] == ALL_WITH_HOLES
        want4 |= rules[k, CONNECTIVITY] == 4
        want8 |= rules[k, CONNECTIVITY] == 8 and rules[k, COMPONENT] != LARGEST_POLYGON
    size, pixels = (height + 2) << shift, height * width
    padded, filled = np.full(size, OUTSIDE, np.int32), np.full(size, OUTSIDE, np.int32)
    bits, label = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    order, begin = np.empty(pixels, np.int32), np.empty(levels + 1, np.int64)
    parent, grow = np.empty(pixels + 1, np.int32), np.empty((pixels + 1, 8), np.int32)
    nodes, keys = np.empty((2 * pixels + 1, 8), np.int32), np.empty(2 * pixels + 1, np.int64)
    best_tree, place_tree = np.empty(2 * levels), np.empty(2 * levels, np.int32)
    most = np.empty(levels, np.int64)
    lowest, highest = levels, 0
    for i in range(maps):
        low, top = _pad(small[i], padded, shift) if byte else _pad(large[i], padded, shift)
        if low < 0 or top >= levels:
            return low, top
        lowest, highest = min(lowest, low), max(highest, top)
        boxes_of_map = gt[offsets[i] : offsets[i + 1]]
        if top > 0:
            neighbors_before(padded, height, width, shift, bits)
            sort_pixels(padded, height, width, shift, order, begin)
        holes = 0
        if top > 0 and (polygon or want_holes):
            holes = hole_nodes(order, begin, top, bits, shift, seats4, label, parent, grow, nodes)
            if polygon and holes > 0:
                fill(padded, height, width, shift, label, parent, grow, filled)
        # which nodes: 0 of 8-connected components, 1 of 4-connected ones, 2 of 8-connected ones with their holes filled
        for kind in range(3):
            if not (want8 or (polygon and holes == 0), want4, polygon and holes > 0)[kind]:
                continue
            end = holes
            if top > 0:
                if kind == 2:
                    neighbors_before(filled, height, width, shift, bits)
                    sort_pixels(filled, height, width, shift, order, begin)
                seats = seats4 if kind == 1 else seats8
                end = component_nodes(
                    order, begin, 1, bits, shift, seats, halves, label, parent, grow, nodes, holes
                )
            for k in range(len(rules)):
                rule = rules[k]
                if rule[CONNECTIVITY] == 4:
                    needs = 1
                else:
                    needs = 2 if rule[COMPONENT] == LARGEST_POLYGON and holes > 0 else 0
                if needs != kind:
                    continue
                start = 0 if rule[COMPONENT] == ALL_WITH_HOLES else holes
                if rule[COMPONENT] >= ALL:
                    score_all(
                        nodes, start, end, shift, width, height, boxes_of_map, rule,
                        best_tree, iou[k, i], count[place[k], i],
                    )
                else:
                    score_largest(
                        nodes, start, end, shift, width, height, boxes_of_map, rule,
                        place_tree, keys, most, iou[k, i], boxes[place[k], i],
                    )
                iou[k, i, top:] = empty_iou(rule, width, height, boxes_of_map)
    return lowest, highest


@compiled
def _pad(ranks: Ints, padded: Ints, shift: int) -> tuple[int, int]:
    """Copy a map into its padded grid; returns its lowest and its highest rank."""
    low = high = np.int64(ranks[0, 0])
    for y in range(ranks.shape[0]):
        row = U(y + 1) << U(shift)
        for x in range(ranks.shape[1]):
            rank = np.int64(ranks[y, x])
            padded[row + U(x + 1)] = rank
            low, high = min(low, rank), max(high, rank)
    return low, high


@compiled
def mask_nodes(
    mask: Bytes, shift: int, seats: Longs, halves: Ints, nodes: Ints
) -> int:
    """Write the components of one mask to the nodes; returns how many. Their order is that of `component_nodes`."""
    height, width = mask.shape
    size, pixels = (height + 2) << shift, height * width
    padded, bits, label = np.full(size, OUTSIDE, np.int32), np.zeros(size, np.uint8), np.empty(size, np.int32)
    order, begin = np.empty(pixels, np.int32), np.empty(3, np.int64)
    parent, grow = np.empty(pixels + 1, np.int32), np.empty((pixels + 1, 8), np.int32)
    _pad(mask, padded, shift)
    neighbors_before(padded, height, width, shift, bits)
    sort_pixels(padded, height, width, shift, order, begin)
    return component_nodes(order, begin, 0, bits, shift, seats, halves, label, parent, grow, nodes, 0)
