"""Boxes and their IoU at every threshold of many maps, by several rules at once: one compiled call.

A map arrives as integer ranks; its foreground at threshold t is {ranks > t}. Nothing is thresholded: two sweeps find
every hole and every component of all levels (`holes`, `components`), and each rule reads what it needs from them.

At worst a map of N pixels and L levels has M <= 3 N components and holes that differ. The sweeps take O(N a(N) + L),
with a the inverse of Ackermann's function, and each rule O(M log L + M g + L) with g ground-truth boxes. Scratch is up
to 260 bytes per pixel, of which smooth maps use 65, and 60 bytes per level, once per call; no array is allocated per
map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsol.errors import ConfigError, DataError, MapError
from wsol.localization.boxes import box_end_rules, empty_box, empty_rules
from wsol.localization.compiled import Bytes, Floats, Ints
from wsol.localization.component_rules import ALL_WITH_HOLES, component_rules
from wsol.localization.components import FIRST, LAST, X0, X1
from wsol.localization.grid import HALVES_OF, seats_of, shift_of
from wsol.localization.intervals import HAS_EMPTY_BOX
from wsol.localization.iou import box_array
from wsol.localization.iou_rules import iou_rules
from wsol.localization.scratch import kept
from wsol.localization.sweep import empty_scratch, mask_nodes, sweep_maps

KEPT_LEVELS = 256  # float protocols have as many levels as pixels, other ones for each map: no scratch to keep


@dataclass(frozen=True, slots=True)
class BoxRule:
    """What turns the components at one threshold into an IoU; a protocol's knobs of the same names.

    Attributes
    ----------
    component :
        ``largest_polygon``: of largest polygon area through pixel centers, holes filled, so lines have area 0; ties:
        the component whose first pixel in raster order comes last, which is the first contour OpenCV lists (Choe et
        al., 2020).
        ``largest_rect``: of largest bounding rectangle; same ties (LayerCAM's script).
        ``largest_pixels``: of most pixels; ties: first pixel in raster order comes first.
        ``all``: every component. ``all_with_holes``: also every hole contour, as OpenCV's contour tree has them; its
        box is the hole's, grown by one pixel on each side, because the contour runs over the pixels around the hole.
    connectivity : of foreground pixels, 8, or 4 with ``largest_pixels`` and ``all``. Holes of 8 are 4-connected.
    iou : a convention, see `wsol.localization.iou`.
    box_end, clip : see `wsol.localization.boxes.finish_boxes`.
    empty : the box where nothing is above the threshold, see `wsol.localization.boxes`; ``miss`` has none.

    Raises
    ------
    ConfigError : a choice that isn't there, or connectivity 4 with a component that needs 8.
    """

    component: str
    connectivity: int
    iou: str
    box_end: str
    clip: bool
    empty: str

    def __post_init__(self) -> None:
        check_component(self.component, self.connectivity)
        for rules, name in ((iou_rules, self.iou), (box_end_rules, self.box_end), (empty_rules, self.empty)):
            rules[name]  # raises for an unknown one

    @property
    def code(self) -> tuple[int, ...]:
        """The rule as numbers, for compiled code: the columns of `wsol.localization.intervals` but for the last."""
        component = component_rules[self.component].code
        assert component is not None
        return component, self.connectivity, iou_rules[self.iou].code, box_end_rules[self.box_end].code, int(self.clip)


@dataclass(frozen=True, slots=True)
class LevelTable:
    """What one rule gives for n maps at every integer threshold t, whose foreground is {ranks > t}.

    Attributes
    ----------
    iou : (n, levels) float64, the best over standing boxes and ground-truth boxes; where nothing is above t, that of
        the rule's empty box. 0 without ground-truth boxes.
    count : (n, levels) int32, the number of boxes, 0 where nothing is above t; None unless all boxes count.
    boxes : (n, levels, 4) int32, half-open, zeros where nothing is above t; None unless one box counts.
    """

    iou: Floats
    count: Ints | None
    boxes: Ints | None


def check_component(component: str, connectivity: int) -> None:
    """Raises ConfigError unless there is a compiled rule of that name that knows the connectivity."""
    rule = component_rules[component]
    if rule.code is None:
        raise ConfigError(f"component={component!r} is not compiled; call its own function")
    if connectivity not in (4, 8):
        raise ConfigError(f"connectivity={connectivity!r} does not exist; use 8 or 4")
    if connectivity not in rule.connectivities:
        raise ConfigError(f"component={component!r} needs connectivity=8; with 4 use 'largest_pixels' or 'all'")


def sweep_levels(
    ranks: NDArray[Any], gt_boxes: ArrayLike, gt_offsets: ArrayLike, rules: Sequence[BoxRule], *, levels: int
) -> list[LevelTable]:
    """Boxes and IoU of n maps at every integer threshold 0..levels-1, one table for each rule.

    Runs without the GIL: split the maps over threads.

    Parameters
    ----------
    ranks : (n, H, W) integers in 0..levels-1; uint8 and int32 are not copied.
    gt_boxes : (m, 4) in the frame and the convention of the finished boxes.
    gt_offsets : (n + 1,), map i has gt_boxes[gt_offsets[i] : gt_offsets[i + 1]].

    Raises
    ------
    MapError for ranks that are not integers in 0..levels-1 on (n, H, W) grids, DataError for boxes that are not (m, 4)
    or offsets that don't fit them.
    """
    ranks = _checked(ranks)
    count, height, width = ranks.shape
    gt = box_array(gt_boxes)
    offsets = np.array(gt_offsets, np.int64)
    if offsets.shape != (count + 1,) or offsets[0] < 0 or offsets[-1] > len(gt) or (np.diff(offsets) < 0).any():
        raise DataError(f"gt_offsets must be {count + 1} ascending places in {len(gt)} boxes, not {offsets.tolist()}")
    codes, empties = np.zeros((len(rules), HAS_EMPTY_BOX + 1), np.int64), np.zeros((len(rules), 4))
    for k, rule in enumerate(rules):
        box = empty_box((width, height), rule)
        codes[k] = *rule.code, len(box)
        empties[k, :] = box[0] if len(box) else 0
    several = np.array([component_rules[rule.component].several for rule in rules], bool)
    shift = shift_of(width)
    # where each rule's counts or boxes go
    place = np.where(several, np.cumsum(several), np.cumsum(~several)) - 1
    iou = np.empty((len(rules), count, levels))
    counts = np.empty((int(several.sum()), count, levels), np.int32)
    boxes = np.empty((int((~several).sum()), count, levels, 4), np.int32)
    none = (0, 1, 1)
    key = (height, width, shift, levels)
    scratch = kept("sweep", key, lambda: empty_scratch(*key)) if levels <= KEPT_LEVELS else empty_scratch(*key)
    byte = ranks.dtype == np.uint8
    low, high = sweep_maps(
        ranks if byte else np.zeros(none, np.uint8),
        np.zeros(none, np.int32) if byte else ranks,
        levels,
        shift,
        gt,
        offsets,
        codes,
        empties,
        place,
        seats_of(8, shift),
        seats_of(4, shift),
        HALVES_OF,
        iou,
        counts,
        boxes,
        scratch,
    )
    if low < 0 or high >= levels:
        raise MapError(f"ranks must be within 0..{levels - 1} (levels={levels}), these span {low}..{high}")
    return [
        LevelTable(iou[k], counts[i] if one else None, None if one else boxes[i])
        for k, (one, i) in enumerate(zip(several, place, strict=True))
    ]


def boxes_above(mask: NDArray[Any], *, component: str, connectivity: int = 8) -> Ints:
    """(m, 4) int32 half-open boxes of one binary (H, W) mask, for the components of `BoxRule`.

    For ``largest_*`` at most one. Holes come after components; within each, the order is that in which pixels of the
    other kind touch them in raster order.

    Raises
    ------
    ConfigError as `BoxRule`, MapError for a mask that is not (H, W).
    """
    check_component(component, connectivity)
    grid = np.asarray(mask)
    if grid.ndim != 2 or grid.size == 0:
        raise MapError(f"a mask must be a (H, W) grid, not shape {grid.shape}")
    above = np.array(grid != 0, np.uint8, order="C")
    if not component_rules[component].several:
        rule = BoxRule(component, connectivity, iou="continuous", box_end="half_open", clip=False, empty="miss")
        boxes = sweep_levels(above[None], (), (0, 0), (rule,), levels=2)[0].boxes
        return np.zeros((0, 4), np.int32) if boxes is None or not above.any() else boxes[0, :1]
    boxes = _mask_boxes(above, connectivity)
    if component_rules[component].code != ALL_WITH_HOLES:
        return boxes
    holes = _mask_boxes(1 - above, 4)
    height, width = above.shape
    closed = (holes[:, :2] > 0).all(1) & (holes[:, 2] < width) & (holes[:, 3] < height)
    return np.concatenate([boxes, holes[closed] + np.array([-1, -1, 1, 1], np.int32)])


def _mask_boxes(above: Bytes, connectivity: int) -> Ints:
    """(m, 4) half-open boxes of the components of a mask of zeros and ones."""
    shift = shift_of(above.shape[1])
    nodes = np.empty((above.size, 8), np.int32)
    nodes = nodes[: mask_nodes(above, shift, seats_of(connectivity, shift), HALVES_OF, nodes)]
    start = np.column_stack([nodes[:, X0] - 1, (nodes[:, FIRST] >> shift) - 1])
    return np.column_stack([start, nodes[:, X1], nodes[:, LAST] >> shift]).astype(np.int32)


def _checked(ranks: NDArray[Any]) -> NDArray[Any]:
    """The ranks as the compiled call needs them: uint8 or int32, in C order, writable."""
    ranks = np.asarray(ranks)
    if ranks.ndim != 3 or 0 in ranks.shape[1:]:
        raise MapError(f"ranks must be (n, H, W) grids, not shape {ranks.shape}")
    if ranks.dtype.kind not in "iu":
        raise MapError(f"ranks must be integers, not {ranks.dtype}; quantize or rank a score map first")
    if ranks.dtype not in (np.uint8, np.int32):
        if ranks.size and (ranks.min() < 0 or ranks.max() > np.iinfo(np.int32).max):
            raise MapError(f"ranks must be within 0..levels - 1, these span {ranks.min()}..{ranks.max()}")
        ranks = ranks.astype(np.int32)
    return np.require(ranks, requirements=["C", "W"])  # numba compiles again for other arrays
