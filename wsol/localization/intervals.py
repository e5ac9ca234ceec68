"""From the nodes of a map, each of which stands over an interval of thresholds, to values at every threshold."""

from __future__ import annotations

from wsol.localization.compiled import Floats, Int64, Ints, Longs, U, compiled
from wsol.localization.component_rules import LARGEST_PIXELS, LARGEST_POLYGON
from wsol.localization.components import FIRST, HALVES, HI, LAST, LO, PIXELS, X0, X1
from wsol.localization.iou import best_iou, pair_iou

COMPONENT, CONNECTIVITY, IOU, BOX_END, CLIP, HAS_EMPTY_BOX = range(6)  # columns of coded rules


@compiled
def empty_iou(rule: Longs, box: Floats, gt: Floats) -> float:
    """IoU of the finished box (4,) that stands for an empty foreground with the best of `gt` (g, 4)."""
    best = 0.0
    if rule[HAS_EMPTY_BOX]:
        for k in range(len(gt)):
            best = max(best, pair_iou(box[0], box[1], box[2], box[3], gt[k], rule[IOU]))
    return best


@compiled
def score_all(
    nodes: Ints,
    start: int,
    end: int,
    shift: int,
    width: int,
    height: int,
    gt: Floats,
    rule: Longs,
    tree: Floats,
    iou: Floats,
    count: Ints,
) -> None:
    """Write the best IoU over the boxes that stand at each threshold, and their number, for the nodes start..end.

    `tree` (2 * levels,) is a segment tree over the thresholds: a box's IoU goes to the few ranges that make up its
    own, and a threshold's best is the largest above it.
    """
    levels = len(iou)
    tree[:] = 0.0
    count[:] = 0
    for i in range(U(start), U(end)):
        lo, hi = nodes[i, LO], nodes[i, HI]
        count[lo] += 1
        if hi < levels:
            count[hi] -= 1
        y0, y1 = nodes[i, FIRST] >> shift, nodes[i, LAST] >> shift
        value = best_iou(
            nodes[i, X0] - 1,
            y0 - 1,
            Int64(nodes[i, X1]),
            Int64(y1),
            width,
            height,
            gt,
            rule[IOU],
            rule[BOX_END],
            rule[CLIP],
        )
        left, right = U(lo + levels), U(hi + levels)
        while left < right:
            if left & U(1):
                tree[left] = max(tree[left], value)
                left += U(1)
            if right & U(1):
                right -= U(1)
                tree[right] = max(tree[right], value)
            left, right = left >> U(1), right >> U(1)
    for k in range(U(2), U(2 * levels)):
        tree[k] = max(tree[k], tree[k >> U(1)])
    standing = 0
    for t in range(levels):
        iou[t] = tree[t + levels]
        standing += count[t]
        count[t] = standing


@compiled
def score_largest(
    nodes: Ints,
    start: int,
    end: int,
    shift: int,
    width: int,
    height: int,
    gt: Floats,
    rule: Longs,
    tree: Ints,
    keys: Longs,
    most: Longs,
    iou: Floats,
    boxes: Ints,
) -> None:
    """Write the box of the largest component at each threshold, and its IoU, for the nodes start..end.

    Scratch: `tree` (2 * levels,) as for `score_all`, of places in the nodes; `keys`, what wins, for each node; `most`,
    the largest size at each level.
    """
    levels = len(iou)
    tree[:] = -1
    most[:] = 0
    for i in range(U(start), U(end)):
        top = nodes[i, HI] - 1
        most[top] = max(most[top], _size(nodes, i, rule[COMPONENT], shift))
    for t in range(levels - 2, -1, -1):
        most[t] = max(most[t], most[t + 1])
    for i in range(U(start), U(end)):
        size = _size(nodes, i, rule[COMPONENT], shift)
        # components only grow as t falls, so one that is beaten where it first stands is beaten as long as it stands
        if size < most[nodes[i, HI] - 1]:
            continue
        first = Int64(nodes[i, FIRST])
        keys[i] = (size << 31) + (LAST_POSITION - first if rule[COMPONENT] == LARGEST_PIXELS else first)
        left, right = U(nodes[i, LO] + levels), U(nodes[i, HI] + levels)
        while left < right:
            if left & U(1):
                _offer(tree, left, keys, i)
                left += U(1)
            if right & U(1):
                right -= U(1)
                _offer(tree, right, keys, i)
            left, right = left >> U(1), right >> U(1)
    for k in range(U(2), U(2 * levels)):
        if tree[k >> U(1)] >= 0:
            _offer(tree, k, keys, U(tree[k >> U(1)]))
    before = -1
    value = 0.0
    x0 = y0 = x1 = y1 = 0
    for t in range(levels):
        winner = tree[t + levels]
        if winner < 0:
            iou[t] = 0.0
            boxes[t] = 0
            continue
        if winner != before:
            before = winner
            x0, x1 = nodes[winner, X0] - 1, Int64(nodes[winner, X1])
            y0, y1 = (nodes[winner, FIRST] >> shift) - 1, Int64(nodes[winner, LAST] >> shift)
            value = best_iou(x0, y0, x1, y1, width, height, gt, rule[IOU], rule[BOX_END], rule[CLIP])
        iou[t] = value
        boxes[t, 0], boxes[t, 1], boxes[t, 2], boxes[t, 3] = x0, y0, x1, y1


LAST_POSITION = 2**31 - 1


@compiled
def _offer(tree: Ints, k: int, keys: Longs, i: int) -> None:
    if tree[k] < 0 or keys[i] > keys[U(tree[k])]:
        tree[k] = i


@compiled
def _size(nodes: Ints, i: int, component: int, shift: int) -> int:
    if component == LARGEST_PIXELS:
        return Int64(nodes[i, PIXELS])
    if component == LARGEST_POLYGON:
        return Int64(nodes[i, HALVES])
    high = (nodes[i, LAST] >> shift) - (nodes[i, FIRST] >> shift) + 1
    return Int64(nodes[i, X1] - nodes[i, X0] + 1) * Int64(high)
