"""From a raw map to the IoU it reaches as a function of the threshold, by the rules of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.boxes.curve import StepCurve, count_curve, finish_boxes, iou_curve
from wsol.boxes.iou import iou
from wsol.boxes.resize import normalise, resize, resize_uint8_cubic, uint8_by_max
from wsol.boxes.sweep import quantise, rank, sweep, threshold_starts
from wsol.views import Layout, boxes_on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols.base import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """Where a protocol compares boxes for one image: the size of the frame and the ground truth in it."""

    size_wh: tuple[int, int]
    gt_boxes: NDArray[np.float64]


def place(boxes_xyxy: NDArray[np.float64], layout: Layout, size_wh: tuple[int, int], protocol: Protocol) -> Place:
    """Frame and ground-truth boxes of an image of `size_wh` whose map covers `layout`."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    if protocol.gt_boxes == "first":
        boxes = boxes[:1]
    if protocol.space == "original":
        frame = size_wh
    else:
        frame = (protocol.side, protocol.side)
        boxes = boxes_on_canvas(boxes, layout, frame)
    return Place(frame, np.trunc(boxes) if protocol.gt_rounding == "trunc" else boxes)


def final_map(raw: NDArray[Any], layout: Layout, frame_wh: tuple[int, int], protocol: Protocol) -> NDArray[Any]:
    """The normalised map at the frame's size, float64 in [0, 1] or, if quantised, uint8; zeros outside the view's region."""
    raw = np.asarray(raw, np.float64)
    if protocol.space == "original":
        x0, y0, x1, y1 = (round(v) for v in layout.region_xyxy)
        size = (x1 - x0, y1 - y0)
    else:
        x0, y0, size = 0, 0, frame_wh
    if protocol.order == "normalise_first":
        raw = normalise(raw, rule=protocol.normalise)
    if protocol.resize_uint8:
        part: NDArray[Any] = resize_uint8_cubic(uint8_by_max(raw), size)
    else:
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


def iou_of_thresholds(
    map01: NDArray[Any], gt: NDArray[np.float64], protocol: Protocol
) -> tuple[StepCurve, StepCurve | None]:
    """IoU with the best ground-truth box as a step function of tau in [0, 1), and the number of boxes where all count.

    `map01` is what `final_map` returns. For a fixed tau the curve has one step.
    """
    height, width = map01.shape
    full = (0.0, 0.0, width - 1.0, height - 1.0) if protocol.box_end != "half_open" else (0.0, 0.0, width, height)
    empty = {"zero_box": (0.0, 0.0, 0.0, 0.0), "unit_box": (0.0, 0.0, 1.0, 1.0), "full_box": full}.get(protocol.empty)
    clip = (width, height) if protocol.clip else None
    if protocol.tau != "sweep":
        ranks, levels, starts = foreground(map01, protocol.tau, protocol).astype(np.int32), 2, np.zeros(1)
    elif protocol.quantise == "floor_uint8":
        taus = np.arange(0, 1, protocol.tau_step)
        # the reference's own arithmetic: strictly greater than int(tau * max)
        ranks, levels, starts = map01.astype(np.int32), 256, (taus * int(map01.max())).astype(int)
    else:
        ranks, values = rank(map01)
        levels, starts = len(values) + 1, threshold_starts(values, compare=protocol.compare)
    found = sweep(ranks, levels=levels, component=protocol.component, connectivity=protocol.connectivity)
    curves = [
        iou_curve(
            found, gt, levels=levels, convention=protocol.iou, empty=empty, box_end=protocol.box_end, clip_wh=clip
        )
    ]
    if protocol.component.startswith("all"):
        curves.append(count_curve(found, levels))
    if protocol.tau != "sweep":
        curves = [StepCurve(c.breaks[:1], c.values[:1]) for c in curves]  # above 0, which is the threshold
    else:
        curves = [
            StepCurve.of(c.at(starts), taus) if protocol.quantise == "floor_uint8" else _below_one(c.over(starts))
            for c in curves
        ]
    return curves[0], curves[1] if len(curves) > 1 else None


def foreground(map01: NDArray[Any], tau: float, protocol: Protocol) -> NDArray[np.bool_]:
    """(H, W) bool: what is above `tau` of the maximum; nothing on an all-zero map."""
    if protocol.quantise == "floor_uint8":
        peak = 255 if protocol.resize_uint8 else int(map01.max())
        return map01 > (tau * peak if protocol.resize_uint8 else int(tau * peak))
    above = map01 >= tau if protocol.compare == "ge" else map01 > tau
    return above & (map01.max() > 0)


def boxes_at(map01: NDArray[Any], tau: float, protocol: Protocol) -> NDArray[np.float64]:
    """(m, 4) boxes predicted at one threshold, in the frame of `map01`; for pictures and detections."""
    height, width = map01.shape
    ranks = foreground(map01, tau, protocol).astype(np.int32)
    found = sweep(ranks, levels=2, component=protocol.component, connectivity=protocol.connectivity)
    boxes = finish_boxes(found.at(0), box_end=protocol.box_end, clip_wh=(width, height) if protocol.clip else None)
    return np.asarray(boxes, np.float64)


def _below_one(curve: StepCurve) -> StepCurve:
    """Without the step above the maximum, where nothing is left."""
    keep = curve.breaks < 1
    return StepCurve(curve.breaks[keep], curve.values[keep])


def _full_frame(gt: NDArray[np.float64], size_wh: tuple[int, int], protocol: Protocol) -> float:
    """IoU of the whole frame: what tau = 0 gives, and a map that is the same everywhere by intent."""
    whole = finish_boxes(
        np.array([[0, 0, *size_wh]], np.int32), box_end=protocol.box_end, clip_wh=size_wh if protocol.clip else None
    )
    return float(iou(np.asarray(whole, np.float64), gt, convention=protocol.iou).max(initial=0.0))


def full_frame_curve(gt: NDArray[np.float64], size_wh: tuple[int, int], protocol: Protocol) -> StepCurve:
    """The curve of a method that claims the whole frame (the `fullbox` control) at every threshold."""
    return StepCurve(np.zeros(1), np.array([_full_frame(gt, size_wh, protocol)]))
