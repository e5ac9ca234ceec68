"""From a raw map to the IoU it reaches as a function of the threshold, by the rules of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.boxes.curve import StepCurve, count_curve, finish_boxes, iou_curve
from wsol.boxes.iou import iou
from wsol.boxes.resize import normalise, resize, resize_uint8_cubic
from wsol.boxes.sweep import quantise, rank, sweep
from wsol.views import Layout, boxes_on_canvas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols.base import Protocol

EMPTY = {"zero_box": (0.0, 0.0, 0.0, 0.0), "unit_box": (0.0, 0.0, 1.0, 1.0)}


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
    if protocol.order == "normalise_first" or protocol.resize_uint8:
        raw = normalise(raw, rule=protocol.normalise)
    if protocol.resize_uint8:
        part: NDArray[Any] = resize_uint8_cubic(quantise(raw), size)
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


def iou_of_thresholds(map01: NDArray[Any], gt: NDArray[np.float64], protocol: Protocol) -> tuple[StepCurve, StepCurve | None]:
    """IoU with the best ground-truth box as a step function of tau in [0, 1), and the number of boxes where all count.

    `map01` is what `final_map` returns. For a fixed tau the curve has one step.
    """
    height, width = map01.shape
    empty: Any = EMPTY.get(protocol.empty, (0.0, 0.0, width - 1.0, height - 1.0) if protocol.empty == "full_box" else None)
    finish = {"box_end": protocol.box_end, "clip_wh": (width, height) if protocol.clip else None}
    if protocol.tau != "sweep":
        ranks, levels = foreground(map01, protocol.tau, protocol).astype(np.int32), 1
    elif protocol.quantise == "floor_uint8":
        ranks, levels = map01.astype(np.int32), 255
    else:
        ranks, values = rank(map01)
        levels = len(values)
    found = sweep(ranks, levels=levels, component=protocol.component, connectivity=protocol.connectivity)
    curve = iou_curve(found, gt, levels=levels, convention=protocol.iou, empty=empty, **finish)  # type: ignore[arg-type]
    count = count_curve(found, levels=levels) if protocol.component.startswith("all") else None
    if protocol.tau != "sweep":
        return curve, count
    if protocol.quantise == "floor_uint8":
        taus = np.arange(0, 1, protocol.tau_step)
        # the reference's own arithmetic: strictly greater than int(tau * max)
        thresholds = (taus * int(map01.max())).astype(int)
        return _on_grid(curve, taus, thresholds), None if count is None else _on_grid(count, taus, thresholds)
    full = _full_frame(gt, (width, height), protocol)
    return _on_values(curve, values, full), None if count is None else _on_values(count, values, 1.0)


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
    found = sweep(ranks, levels=1, component=protocol.component, connectivity=protocol.connectivity)
    boxes = finish_boxes(found.boxes, box_end=protocol.box_end, clip_wh=(width, height) if protocol.clip else None)
    return np.asarray(boxes, np.float64)


def _on_grid(curve: StepCurve, taus: NDArray[np.float64], thresholds: NDArray[Any]) -> StepCurve:
    values = curve.at(thresholds)
    keep = np.concatenate([[True], values[1:] != values[:-1]])
    return StepCurve(taus[keep], values[keep])


def _on_values(curve: StepCurve, values: NDArray[np.float64], at_zero: float) -> StepCurve:
    """From integer thresholds t (foreground >= values[t + 1]) to tau: step t holds on (values[t], values[t + 1]].

    Steps are kept at their open lower end; a step of no width at 0 stands for tau = 0, where everything is foreground.
    """
    breaks = values[curve.breaks.astype(int)]
    breaks = np.where(breaks <= 0, np.nextafter(0, 1), breaks)
    return StepCurve(np.concatenate([[0.0], breaks]), np.concatenate([[at_zero], curve.values]))


def _full_frame(gt: NDArray[np.float64], size_wh: tuple[int, int], protocol: Protocol) -> float:
    """IoU of the whole frame: what tau = 0 gives, and a map that is the same everywhere by intent."""
    whole = finish_boxes(
        np.array([[0, 0, *size_wh]], np.int32), box_end=protocol.box_end, clip_wh=size_wh if protocol.clip else None
    )
    return float(iou(np.asarray(whole, np.float64), gt, convention=protocol.iou).max(initial=0.0))


def full_frame_curve(gt: NDArray[np.float64], size_wh: tuple[int, int], protocol: Protocol) -> StepCurve:
    """The curve of a method that claims the whole frame (the `fullbox` control) at every threshold."""
    return StepCurve(np.zeros(1), np.array([_full_frame(gt, size_wh, protocol)]))
