"""From raw maps to boxes and their IoU at every threshold: the only place where these steps are put together.

Maps of a batch go through together: what protocols share (the resized and normalized map, the frame, the sweep over
all thresholds) is computed once, and results are flat columns that rows keep as they are. Methods often agree, at the
deepest layer for example: maps of one image that are equal, or become so as grey levels, go through once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.boxes import full_box
from wsol.localization.component_rules import component_rules
from wsol.localization.final_map import MAP_KNOBS, final_map, level_maps
from wsol.localization.frame import FRAME_KNOBS, Frame, frame_of
from wsol.localization.iou import iou
from wsol.localization.iou_rules import iou_rules
from wsol.localization.levels import BoxRule, LevelTable, sweep_levels
from wsol.localization.on_grid import packed_hits
from wsol.localization.one_by_one import counted_boxes, empty_table, table_one_by_one
from wsol.localization.quantize import quantize_rules, rank, threshold_starts
from wsol.localization.records import ImageMap, Localizations
from wsol.localization.refine import frame_image, object_mask, refines
from wsol.localization.steps import Steps
from wsol.localization.threshold_rules import own_tau
from wsol.localization.thresholds import hit_deltas, threshold_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols._base import Protocol

LEVELS = 256  # of a quantized map
FEW = 200  # values of a map that are compared before all others
TOGETHER = 32  # maps swept by one compiled call; what is around it in Python costs as much for one map as for many


def localize(maps: Sequence[ImageMap], protocols: Sequence[Protocol]) -> dict[str, Localizations]:
    """By protocol name, boxes and IoU of every map at every threshold.

    Raises
    ------
    MapError : a map that is not (h, w), or scores taken as they are that leave [0, 1].
    ConfigError : a protocol refines by a graph cut and a map has no image.
    """
    parts: dict[str, list[Localizations]] = defaultdict(list)
    known = [(id(i.boxes_xyxy), id(i.layout), id(i.image), i.full, i.shallow) for i in maps]
    equal = _first_equal([np.asarray(item.raw) for item in maps], known)
    distinct = sorted(set(equal))
    order = [distinct[n] for n in by_image([id(maps[n].boxes_xyxy) for n in distinct])]
    for group in _sharing(protocols):
        for start in range(0, len(order), TOGETHER):
            together = [maps[n] for n in order[start : start + TOGETHER]]
            for protocol, localized in zip(group, _of_group(together, group), strict=True):
                parts[protocol.name].append(localized)
    joined = {protocol.name: Localizations.joined(parts[protocol.name]) for protocol in protocols}
    if order == list(range(len(maps))):
        return joined
    places = {n: place for place, n in enumerate(order)}
    return {name: found.take(np.array([places[n] for n in equal])) for name, found in joined.items()}


def by_image(images: Sequence[int]) -> list[int]:
    """Places of maps such that those of one image follow each other, images in the order in which they first come."""
    first: dict[int, int] = {}
    return sorted(range(len(images)), key=lambda n: first.setdefault(images[n], n))


def boxes_along(item: ImageMap, protocol: Protocol, taus: Sequence[float]) -> list[NDArray[np.int32]]:
    """At each of `taus` every box (m, 4) that counts, half-open in the protocol's frame: the boxes `localize` compares.

    An empty foreground has no box here, whatever the protocol puts in its place. A rule with its own grey levels has
    the same boxes at every threshold.
    """
    frame = frame_of(item.boxes_xyxy, item.layout, protocol)
    if item.full:
        return [np.array([[0, 0, *frame.size_wh]], np.int32)] * len(taus)
    if not item.finite:
        return [np.zeros((0, 4), np.int32)] * len(taus)
    map01 = final_map(item.raw, item.layout, frame.size_wh, protocol)
    if _at_own_levels(protocol, shallow=item.shallow):
        return [counted_boxes(map01.astype(np.int32), 0, protocol, protocol.component)] * len(taus)
    masks = [_foreground(map01, item, frame, protocol, tau) for tau in taus]
    return [counted_boxes(mask.astype(np.int32), 0, protocol, _component(protocol)) for mask in masks]


def fixed_tau(item: ImageMap, protocol: Protocol) -> float:
    """The one threshold at which a protocol that does not sweep cuts a map: as stated, or the map's by its rule."""
    if not isinstance(protocol.tau, str) or item.full or not item.finite:
        return 0.0 if isinstance(protocol.tau, str) else protocol.tau
    frame = frame_of(item.boxes_xyxy, item.layout, protocol)
    return own_tau(final_map(item.raw, item.layout, frame.size_wh, protocol), protocol)


def _sharing(protocols: Sequence[Protocol]) -> list[list[Protocol]]:
    """Protocols with equal final maps and frames together, if their thresholds are swept over grey levels."""
    groups: dict[object, list[Protocol]] = defaultdict(list)
    for protocol in protocols:
        grid = threshold_grid(protocol)
        alone: object = protocol.name if grid is None or len(grid) == 1 else protocol.tau_step
        groups[alone, *(getattr(protocol, knob) for knob in (*MAP_KNOBS, *FRAME_KNOBS))].append(protocol)
    return list(groups.values())


def _of_group(maps: Sequence[ImageMap], group: Sequence[Protocol]) -> list[Localizations]:
    first = group[0]
    frames = _frames(maps, first)
    grid = threshold_grid(first)
    alike: dict[object, list[int]] = defaultdict(list)  # maps that go through together
    for n, item in enumerate(maps):
        kind = "full" if item.full else "miss" if not item.finite else refines(first, shallow=item.shallow)
        alike[kind, frames[n].size_wh, n if grid is None else None].append(n)
    parts: list[list[Localizations]] = []
    for (kind, _, _), places in alike.items():  # type: ignore[misc]
        chosen, truth = [maps[n] for n in places], [frames[n] for n in places]
        if kind == "full":
            parts.append([_full(truth, protocol) for protocol in group])
        elif kind == "miss":
            parts.append([_missed(len(places), protocol) for protocol in group])
        elif grid is None:
            parts.append([_of_floats(chosen[0], truth[0], first)])
        elif len(grid) == 1:
            table, starts = _at_fixed(chosen, truth, first), np.zeros((len(places), 1), np.int64)
            parts.append([_localizations(table, starts, grid, first)])
        else:
            levels = level_maps([i.raw for i in chosen], [i.layout for i in chosen], truth[0].size_wh, first)
            equal = _first_equal(levels, [id(frame) for frame in truth])
            distinct = sorted(set(equal))
            if len(distinct) < len(places):
                levels, truth = levels[distinct], [truth[n] for n in distinct]
            tops = np.full(len(distinct), 255) if first.resize_uint8 else levels.reshape(len(distinct), -1).max(1)
            starts = (grid * tops[:, None].astype(np.float64)).astype(np.int64)  # the reference's int(tau * max)
            tables = _tables(levels, truth, group, levels=LEVELS)
            found = [_localizations(t, starts, grid, p) for t, p in zip(tables, group, strict=True)]
            if len(distinct) < len(places):
                found = [one.take(np.searchsorted(distinct, equal)) for one in found]
            parts.append(found)
    joined = [Localizations.joined(of_protocol) for of_protocol in zip(*parts, strict=True)]
    order = np.argsort(np.concatenate(list(alike.values())), kind="stable")
    return [whole if len(parts) == 1 else whole.take(order) for whole in joined]


def _frames(maps: Sequence[ImageMap], protocol: Protocol) -> list[Frame]:
    """The frame of each map; maps of one image share it."""
    known: dict[tuple[int, int], Frame] = {}
    for item in maps:
        key = id(item.boxes_xyxy), id(item.layout)
        if key not in known:
            known[key] = frame_of(item.boxes_xyxy, item.layout, protocol)
    return [known[id(item.boxes_xyxy), id(item.layout)] for item in maps]


def _first_equal(arrays: Sequence[NDArray[Any]] | NDArray[Any], owners: Sequence[object]) -> list[int]:
    """For each of n arrays the place of the first one of its owner that equals it; its own, if it is the first."""
    alike: dict[object, list[int]] = defaultdict(list)  # arrays that agree in a few values
    first = []
    for n, (array, owner) in enumerate(zip(arrays, owners, strict=True)):
        few = array.reshape(-1)[:: array.size // FEW + 1].tobytes()
        others = alike[owner, array.shape, array.dtype, few]
        place = next((m for m in others if np.array_equal(arrays[m], array)), n)
        if place == n:
            others.append(n)
        first.append(place)
    return first


def _localizations(
    table: LevelTable, starts: NDArray[np.int64], grid: NDArray[np.float64], protocol: Protocol
) -> Localizations:
    """What a table of n maps says on a grid of thresholds, of which each stands for the level in `starts` (n, p)."""
    deltas = np.array(hit_deltas(protocol))
    return Localizations(
        Steps.of(table.iou, starts, grid),
        None if table.count is None else Steps.of(table.count, starts, grid),
        None if table.boxes is None else Steps.of(table.boxes, starts, grid),
        packed_hits(table.iou, starts, deltas, protocol.hit == "ge"),
    )


def _full(frames: Sequence[Frame], protocol: Protocol) -> Localizations:
    """Of maps that claim the whole frame at every threshold."""
    table = empty_table(len(frames), 1, protocol)
    for n, frame in enumerate(frames):
        whole = full_box(frame.size_wh, protocol)
        table.iou[n] = iou(whole, frame.gt_boxes, convention=protocol.iou).max(initial=0.0)
        if table.boxes is not None:
            table.boxes[n] = (0, 0, *frame.size_wh)
    if table.count is not None:
        table.count[:] = 1
    return constant(table, protocol)


def _missed(maps: int, protocol: Protocol) -> Localizations:
    """Of maps that hold no numbers: IoU 0 everywhere, whatever the protocol puts in place of an empty foreground."""
    return constant(empty_table(maps, 1, protocol), protocol)


def constant(table: LevelTable, protocol: Protocol) -> Localizations:
    """Of n maps whose boxes are the same at every threshold: those of a table of one level."""
    grid = threshold_grid(protocol)
    points = np.zeros(1) if grid is None else grid
    constant = _localizations(table, np.zeros((len(table.iou), len(points)), np.int64), points, protocol)
    return constant if grid is not None else constant.without_hits()


def _of_floats(item: ImageMap, frame: Frame, protocol: Protocol) -> Localizations:
    """One map of floats, swept at each of its distinct values."""
    map01 = final_map(item.raw, item.layout, frame.size_wh, protocol)
    peak = float(map01.max())
    ranks, levels, grid = np.zeros(map01.shape, np.int32), 1, np.zeros(1)
    if peak > 0:
        ranks, values = rank(map01 / peak)  # tau is a share of the maximum; exact where that is 1
        levels, grid = len(values) + 1, threshold_starts(values, compare=protocol.compare)
    wide = np.append(grid[1:] > grid[:-1], True) & (grid < 1)  # from 1 on nothing is left
    table = _tables(ranks[None], [frame], [protocol], levels=levels)[0]
    return _localizations(table, np.flatnonzero(wide)[None], grid[wide], protocol).without_hits()


def _at_fixed(maps: Sequence[ImageMap], frames: Sequence[Frame], protocol: Protocol) -> LevelTable:
    """The table of the one threshold that a protocol states; the maps share a frame's size and whether they are cut."""
    finals = [
        final_map(item.raw, item.layout, frame.size_wh, protocol) for item, frame in zip(maps, frames, strict=True)
    ]
    if _at_own_levels(protocol, shallow=maps[0].shallow):
        return table_one_by_one(np.stack(finals).astype(np.int32), frames, protocol, protocol.component, levels=1)
    masks = [_foreground(*one, protocol, own_tau(one[0], protocol)) for one in zip(finals, maps, frames, strict=True)]
    return _tables(np.stack(masks).astype(np.uint8), frames, [protocol], levels=2)[0]


def _foreground(map01: NDArray[Any], item: ImageMap, frame: Frame, protocol: Protocol, tau: float) -> NDArray[np.bool_]:
    """(H, W) what is above `tau` of the maximum, refined by the protocol's graph cut where it has one."""
    if quantize_rules[protocol.quantise].levels is not None:
        top = 255 if protocol.resize_uint8 else int(map01.max())
        # layercam_loc cuts at the float 0.15 * 255, wsolevaluation at the integer int(tau * max)
        above = map01 > (tau * top if protocol.resize_uint8 else int(tau * top))
    else:
        level = tau * map01.max()
        above = (map01 >= level if protocol.compare == "ge" else map01 > level) & (map01.max() > 0)
    if refines(protocol, shallow=item.shallow):
        pixels = None if item.image is None else frame_image(item.image, item.layout, frame.size_wh, protocol)
        above = object_mask(map01, np.asarray(above), pixels, protocol)
    return np.asarray(above)


def _at_own_levels(protocol: Protocol, *, shallow: bool) -> bool:
    """Whether the component rule takes the map itself, at grey levels of its own, and not a foreground."""
    return component_rules[protocol.component].own_levels and not refines(protocol, shallow=shallow)


def _component(protocol: Protocol) -> str:
    """The component rule of a foreground."""
    return component_rules[protocol.component].on_masks or protocol.component


def _tables(
    ranks: NDArray[Any], frames: Sequence[Frame], protocols: Sequence[Protocol], *, levels: int
) -> list[LevelTable]:
    """A table for each protocol: by one compiled sweep for all whose rules are compiled, one by one for the others."""
    boxes = np.concatenate([frame.gt_boxes for frame in frames])
    offsets = np.cumsum([0] + [len(frame.gt_boxes) for frame in frames])
    swept = [p for p in protocols if _compiled(p)]
    tables = iter(sweep_levels(ranks, boxes, offsets, [_box_rule(p) for p in swept], levels=levels) if swept else ())
    return [
        next(tables) if _compiled(p) else table_one_by_one(ranks, frames, p, _component(p), levels=levels)
        for p in protocols
    ]


def _compiled(protocol: Protocol) -> bool:
    return component_rules[_component(protocol)].code is not None and iou_rules[protocol.iou].function is None


def _box_rule(protocol: Protocol) -> BoxRule:
    return BoxRule(
        component=_component(protocol),
        connectivity=protocol.connectivity,
        iou=protocol.iou,
        box_end=protocol.box_end,
        clip=protocol.clip,
        empty=protocol.empty,
    )
