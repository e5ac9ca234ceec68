"""The compiled call behind `levels`: all maps, all rules."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wsol.localization.compiled import Bytes, Floats, Ints, Longs, compiled
from wsol.localization.component_rules import ALL, ALL_WITH_HOLES, LARGEST_POLYGON
from wsol.localization.components import Enclosed, Forest, component_nodes, empty_forest
from wsol.localization.grid import Grid, empty_grid, enter, sort
from wsol.localization.holes import empty_enclosed, enclose, hole_nodes
from wsol.localization.intervals import COMPONENT, CONNECTIVITY, empty_iou, score_all, score_largest


class Scratch(NamedTuple):
    """Working arrays for maps of one size and number of levels; each map leaves them ready for the next."""

    grid: Grid
    forest: Forest
    filled: Ints
    inside: Ints
    no_holes: Enclosed
    with_holes: Enclosed
    nodes: Ints
    keys: Longs
    best_tree: Floats
    place_tree: Ints
    most: Longs


@compiled
def empty_scratch(height: int, width: int, shift: int, levels: int) -> Scratch:
    """Scratch for (height, width) maps."""
    size, pixels = (height + 2) << shift, height * width
    grid = empty_grid(height, width, shift, levels)
    return Scratch(
        grid,
        empty_forest(size, pixels),
        np.empty(size, np.int32),
        np.empty(pixels, np.int32),
        empty_enclosed(size, levels, grid.bits),
        empty_enclosed(size, levels, np.zeros(size, np.uint8)),
        np.empty((3 * pixels + 1, 8), np.int32),
        np.empty(3 * pixels + 1, np.int64),
        np.empty(2 * levels),
        np.empty(2 * levels, np.int32),
        np.empty(levels, np.int64),
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
    empties: Floats,
    place: Longs,
    seats8: Ints,
    seats4: Ints,
    halves: Ints,
    iou: Floats,
    count: Ints,
    boxes: Ints,
    scratch: Scratch,
) -> tuple[int, int]:
    """Fill the tables of `levels.sweep_levels`; returns the lowest and the highest rank of all maps.

    Stops at a map that leaves 0..levels-1, and returns its ranks.

    Parameters
    ----------
    small, large : (n, H, W) the ranks, in one of the two; the other has no maps. So there is one type to compile for.
    rules : (k, 6) coded rules. empties : (k, 4) finished boxes that stand for an empty foreground.
    place : (k,) where in `count` or `boxes` a rule's results go.
    iou : (k, n, levels). count : (rules with several boxes, n, levels). boxes : (rules with one, n, levels, 4).
    """
    byte = len(small) > 0
    maps, height, width = small.shape if byte else large.shape
    polygon = want4 = want8 = want_holes = False
    for k in range(len(rules)):
        polygon |= rules[k, COMPONENT] == LARGEST_POLYGON
        want_holes |= rules[k, COMPONENT] == ALL_WITH_HOLES
        want4 |= rules[k, CONNECTIVITY] == 4
        want8 |= rules[k, CONNECTIVITY] == 8
    grid, forest, nodes, no_holes = scratch.grid, scratch.forest, scratch.nodes, scratch.no_holes
    lowest, highest = levels, 0
    for i in range(maps):
        low, top = enter(grid, small[i]) if byte else enter(grid, large[i])
        if low < 0 or top >= levels:
            return low, top
        lowest, highest = min(lowest, low), max(highest, top)
        boxes_of_map = gt[offsets[i] : offsets[i + 1]]
        holes = 0
        enclosed = no_holes
        if top > 0:
            sort(grid)
        if top > 0 and (polygon or want_holes):
            holes = hole_nodes(grid, top, forest, seats4, nodes)
            if polygon and holes > 0:
                enclosed = scratch.with_holes
                enclose(grid, forest, halves, scratch.filled, scratch.inside, enclosed)
        for connectivity in (4, 8):
            if not (want4 if connectivity == 4 else want8):
                continue
            end = holes
            if top > 0 and connectivity == 4:
                end = component_nodes(grid, no_holes, forest, seats4, halves, 1, nodes, holes)
            elif top > 0:
                end = component_nodes(grid, enclosed, forest, seats8, halves, 1, nodes, holes)
            for k in range(len(rules)):
                rule = rules[k]
                if rule[CONNECTIVITY] != connectivity:
                    continue
                start = 0 if rule[COMPONENT] == ALL_WITH_HOLES else holes
                if rule[COMPONENT] >= ALL:
                    score_all(
                        nodes,
                        start,
                        end,
                        shift,
                        width,
                        height,
                        boxes_of_map,
                        rule,
                        scratch.best_tree,
                        iou[k, i],
                        count[place[k], i],
                    )
                else:
                    score_largest(
                        nodes,
                        start,
                        end,
                        shift,
                        width,
                        height,
                        boxes_of_map,
                        rule,
                        scratch.place_tree,
                        scratch.keys,
                        scratch.most,
                        iou[k, i],
                        boxes[place[k], i],
                    )
                iou[k, i, top:] = empty_iou(rule, empties[k], boxes_of_map)
    return lowest, highest


@compiled
def mask_nodes(mask: Bytes, shift: int, seats: Ints, halves: Ints, nodes: Ints) -> int:
    """Write the components of one mask to the nodes; returns how many. Their order is that of `component_nodes`."""
    height, width = mask.shape
    size = (height + 2) << shift
    grid = empty_grid(height, width, shift, 2)
    enter(grid, mask)
    sort(grid)
    no_holes = empty_enclosed(size, 2, grid.bits)
    return component_nodes(grid, no_holes, empty_forest(size, height * width), seats, halves, 0, nodes, 0)
