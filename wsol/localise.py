"""From a raw map to the IoU it reaches as a function of the threshold, by the rules of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.localization.cam2016_tool import tool_boxes
from wsol.boxes.curve import StepCurve, count_curve, finish_boxes, iou_curve
from wsol.boxes.iou import iou
from wsol.localization.resize import normalise, resize, resize_uint8_cubic, uint8_by_max
from wsol.boxes.sweep import Sweep, quantise, rank, sweep, threshold_starts
from wsol.localization.refine import frame_image, object_mask, refines
from wsol.views import Layout, boxes_on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols.base import Protocol

    Pixels = NDArray[np.uint8]


MAP_KNOBS = ("space", "resize", "resize_uint8", "normalise", "order", "quantise")  # what `final_map` depends on


@dataclass(frozen=True, slots=True)
class Place:
    """Where a protocol compares boxes for one image: the size of the frame and the ground truth in it."""

    size_wh: tuple[int, int]
    gt_boxes: NDArray[np.float64]


def place(boxes_xyxy: NDArray[np.float64], layout: Layout, size_wh: tuple[int, int], protocol: Protocol) -> Place:
    """Frame and ground-truth boxes of an image of `size_wh` whose map covers `layout`."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4) - protocol.gt_origin
    if protocol.gt_boxes == "first":
        boxes = boxes[:1]
    if protocol.space == "original":
        frame = size_wh
    else:
        frame = (protocol.side, protocol.side)
        boxes = boxes_on_canvas(boxes, layout, frame, divide_first=protocol.gt_scale == "divide_first")
    if protocol.gt_rounding != "none":
        boxes = np.trunc(boxes)
    if protocol.gt_rounding == "trunc_inside":
        boxes = np.minimum(boxes, (frame[0] - 1, frame[1] - 1) * 2)
    return Place(frame, boxes)


def final_map(raw: NDArray[Any], layout: Layout, frame_wh: tuple[int, int], protocol: Protocol) -> NDArray[Any]:
    """The normalised map at the frame's size, float64 in [0, 1] or, if quantised, 0..255; zeros outside the region.

    Scores that are in [0, 1] already go through unchanged with ``normalise=none``, as wsolevaluation takes them.
    """
    raw = np.asarray(raw, np.float64)
    if protocol.space == "original":
        x0, y0, x1, y1 = (round(v) for v in layout.region_xyxy)
        size = (x1 - x0, y1 - y0)
    else:
        x0, y0, size = 0, 0, frame_wh
    if protocol.resize_uint8:
        part: NDArray[Any] = resize_uint8_cubic(_grey_levels(raw, protocol), size)
    else:
        if protocol.order == "normalise_first":
            raw = normalise(raw, rule=protocol.normalise)
        part = resize(raw, size, rule=protocol.resize)
        if protocol.order == "resize_first":
            part = normalise(part, rule=protocol.normalise)
        part = np.clip(part, 0, 1)  # cubic resize of a normalised map overshoots
        if protocol.quantise == "floor_uint8":
            part = quantise(part)
    if size == frame_wh:
        return part
    whole = np.zeros(frame_wh[::-1], part.dtype)
    whole[y0 : y0 + size[1], x0 : x0 + size[0]] = part
    return whole


def _grey_levels(raw: NDArray[np.float64], protocol: Protocol) -> NDArray[np.uint8]:
    """What is resized as uint8: LayerCAM's float32 arithmetic for its own rule, plain floor(255 map) for others."""
    if protocol.normalise == "max":
        return uint8_by_max(raw)
    return quantise(np.clip(normalise(raw, rule=protocol.normalise), 0, 1)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Located:
    """What one map gives at every threshold tau in [0, 1); for a fixed tau the curves have one step.

    Attributes
    ----------
    iou : with the best ground-truth box.
    count : the number of boxes, where all count; else None.
    which : the place of the box in `boxes`, -1 where nothing is above tau; None where there may be several boxes.
    boxes : (m, 4) int32, half-open, in the frame of the map.
    """

    iou: StepCurve
    count: StepCurve | None
    which: StepCurve | None
    boxes: NDArray[np.int32]

    def box_curve(self) -> tuple[NDArray[np.float64], NDArray[np.int32]] | None:
        """(k,) breaks and (k, 4) boxes from there on, all zeros for none; None where there may be several boxes."""
        if self.which is None:
            return None
        none = np.zeros((1, 4), np.int32)
        return self.which.breaks, np.concatenate([self.boxes, none])[self.which.values.astype(int)]


def iou_of_thresholds(
    map01: NDArray[Any],
    gt: NDArray[np.float64],
    protocol: Protocol,
    *,
    image_rgb: Pixels | None = None,
    shallow: bool = False,
) -> tuple[StepCurve, StepCurve | None]:
    """IoU with the best ground-truth box as a step function of tau in [0, 1), and the number of boxes where all count.

    Parameters are those of `locate`.
    """
    found = locate(map01, gt, protocol, image_rgb=image_rgb, shallow=shallow)
    return found.iou, found.count


def locate(
    map01: NDArray[Any],
    gt: NDArray[np.float64],
    protocol: Protocol,
    *,
    image_rgb: Pixels | None = None,
    shallow: bool = False,
) -> Located:
    """Boxes at every threshold, and how well they fit.

    Parameters
    ----------
    map01 : what `final_map` returns.
    gt : (g, 4), what `place` returns.
    image_rgb : (H, W, 3) pixels at the size of `map01`, for protocols that refine by a graph cut; see `frame_image`.
    shallow : the map is of shallow layers, which some protocols refine and others not.
    """
    height, width = map01.shape
    clip = (width, height) if protocol.clip else None
    peak = float(map01.max())
    cut = refines(protocol, shallow=shallow)
    swept = protocol.tau == "sweep" and not cut
    taus = np.arange(0, 1, protocol.tau_step)
    if not swept:
        found, levels = _boxes_of_one(map01, protocol, image_rgb if cut else None, cut=cut), 1
    elif protocol.quantise != "none":
        # the reference's own arithmetic: strictly greater than int(tau * max)
        ranks, levels, starts = map01.astype(np.int32), 256, (taus * _top(map01, protocol)).astype(int)
        found = _sweep(ranks, 256, protocol)
    elif peak > 0:
        ranks, values = rank(map01 / peak)  # tau is a share of the maximum; exact where that is 1
        levels, starts = len(values) + 1, threshold_starts(values, compare=protocol.compare)
        found = _sweep(ranks, levels, protocol)
    else:
        found, levels, starts = _nothing(), 1, np.zeros(1)
    curves = [
        iou_curve(
            found,
            gt,
            levels=levels,
            convention=protocol.iou,
            empty=_empty_box((width, height), protocol),
            box_end=protocol.box_end,
            clip_wh=clip,
        )
    ]
    several = protocol.component.startswith("all")
    single = not several and protocol.candidates == 1
    curves += [count_curve(found, levels)] if several else [_which(found, levels)] if single else []
    if swept:
        curves = [
            StepCurve.of(c.at(starts), taus) if protocol.quantise != "none" else _below_one(c.over(starts))
            for c in curves
        ]
    return Located(curves[0], curves[1] if several else None, curves[1] if single else None, found.boxes)


def _which(found: Sweep, levels: int) -> StepCurve:
    """The place of the one box that stands at each integer threshold, -1 where none does."""
    t = np.arange(levels)
    place = np.searchsorted(found.hi, t, side="right")  # intervals are disjoint and ascending
    stands = (place < len(found.hi)) & (np.append(found.lo, levels)[np.minimum(place, len(found.lo))] <= t)
    return StepCurve.of(np.where(stands, place, -1))


def foreground(map01: NDArray[Any], tau: float, protocol: Protocol) -> NDArray[np.bool_]:
    """(H, W) bool: what is above `tau` of the maximum; nothing on an all-zero map."""
    if protocol.quantise != "none":
        top = _top(map01, protocol)
        # layercam_loc cuts at the float 0.15 * 255, wsolevaluation at the integer int(tau * max)
        return np.asarray(map01 > (tau * top if protocol.resize_uint8 else int(tau * top)))
    level = tau * map01.max()
    above = map01 >= level if protocol.compare == "ge" else map01 > level
    return np.asarray(above & (map01.max() > 0))


def boxes_at(
    map01: NDArray[Any], tau: float, protocol: Protocol, *, image_rgb: Pixels | None = None, shallow: bool = False
) -> NDArray[np.float64]:
    """(m, 4) boxes predicted at one threshold, in the frame of `map01`; for pictures and detections.

    `image_rgb` and `shallow` as for `iou_of_thresholds`. An empty foreground has no box here, whatever the protocol
    puts in its place.
    """
    height, width = map01.shape
    cut = refines(protocol, shallow=shallow)
    found = _boxes_of_one(map01, protocol, image_rgb if cut else None, cut=cut, tau=tau)
    boxes = finish_boxes(found.boxes, box_end=protocol.box_end, clip_wh=(width, height) if protocol.clip else None)
    return np.asarray(boxes, np.float64)


def locate_frame(gt: NDArray[np.float64], size_wh: tuple[int, int], protocol: Protocol) -> Located:
    """What a method gives that claims the whole frame (the `fullbox` control) at every threshold."""
    everywhere = StepCurve(np.zeros(1), np.zeros(1))
    count = StepCurve(np.zeros(1), np.ones(1)) if protocol.component.startswith("all") else None
    return Located(full_frame_curve(gt, size_wh, protocol), count, everywhere, np.array([[0, 0, *size_wh]], np.int32))


def full_frame_curve(gt: NDArray[np.float64], size_wh: tuple[int, int], protocol: Protocol) -> StepCurve:
    """The curve of a method that claims the whole frame (the `fullbox` control) at every threshold."""
    best = float(iou(_full_box(size_wh, protocol)[None], gt, convention=protocol.iou).max(initial=0.0))
    return StepCurve(np.zeros(1), np.array([best]))


def _full_box(size_wh: tuple[int, int], protocol: Protocol) -> NDArray[np.float64]:
    """(4,) the whole frame as the protocol writes boxes."""
    frame = np.array([[0, 0, *size_wh]], np.float64)
    box = finish_boxes(frame, box_end=protocol.box_end, clip_wh=size_wh if protocol.clip else None)[0]
    return np.asarray(box, np.float64)


def _empty_box(size_wh: tuple[int, int], protocol: Protocol) -> NDArray[np.float64] | None:
    """(4,) the box that stands for an empty foreground; None where that is a miss."""
    if protocol.empty == "full_box":
        return _full_box(size_wh, protocol)
    known = {"zero_box": np.zeros(4), "unit_box": np.array([0.0, 0.0, 1.0, 1.0])}
    return known.get(protocol.empty)


def _boxes_of_one(
    map01: NDArray[Any], protocol: Protocol, image_rgb: Pixels | None, *, cut: bool, tau: float | None = None
) -> Sweep:
    """The boxes at one threshold, by default the protocol's own, as a sweep of one level."""
    if protocol.component == "cam2016_tool" and not cut:
        boxes = tool_boxes(map01, candidates=protocol.candidates)
        return Sweep(boxes, np.zeros(len(boxes), np.int32), np.ones(len(boxes), np.int32))
    share = protocol.tau if tau is None else tau
    above = foreground(map01, 0.0 if isinstance(share, str) else share, protocol)
    if cut:
        above = object_mask(map01, above, image_rgb, protocol)
    return _sweep(above.astype(np.int32), 2, protocol)


def _sweep(ranks: NDArray[np.int32], levels: int, protocol: Protocol) -> Sweep:
    component = "largest_pixels" if protocol.component == "cam2016_tool" else protocol.component
    return sweep(ranks, levels=levels, component=component, connectivity=protocol.connectivity)


def _top(map01: NDArray[Any], protocol: Protocol) -> int:
    """The grey level that tau is a share of."""
    return 255 if protocol.resize_uint8 else int(map01.max())


def _nothing() -> Sweep:
    return Sweep(np.zeros((0, 4), np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32))


def _below_one(curve: StepCurve) -> StepCurve:
    """Without the step above the maximum, where nothing is left."""
    keep = curve.breaks < 1
    return StepCurve(curve.breaks[keep], curve.values[keep])
