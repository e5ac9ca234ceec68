"""From an image and a raw map to what the gallery keeps of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from wsol.localization.resize import normalise
from wsol.boxes.sweep import rank, sweep, threshold_starts
from wsol.errors import ConfigError
from wsol.gallery import TAUS, Picture, Shown
from wsol.localise import final_map, full_frame_curve, iou_of_thresholds, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.datasets.base import Sample
    from wsol.protocols.base import Protocol
    from wsol.views import Layout

PICTURE_SIDE = 256  # pixels of the longest side: sharp enough on a page of many
MAP_SIDE = 56  # no stage of the usual networks is finer, but for the stem
JPEG_QUALITY = 80


def picture(sample: Sample, image: Image, logits: NDArray[Any]) -> Picture:
    """A small copy of an image, with what the network said of it."""
    from PIL import Image as Pillow

    small = image.convert("RGB")
    small.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Pillow.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    odds = np.exp(logits.astype(np.float64) - logits.max())
    return Picture(
        image_id=sample.image_id,
        jpeg=file.getvalue(),
        size_wh=sample.size_wh,
        label=sample.label,
        predicted=int(np.argmax(logits)),
        probability=float(odds[sample.label] / odds.sum()),
        rank=int((logits > logits[sample.label]).sum() + (logits[: sample.label] == logits[sample.label]).sum()),
        gt_boxes=np.asarray(sample.boxes_xyxy, np.float64).reshape(-1, 4),
    )


def shown(
    sample: Sample, variant: str, raw: NDArray[Any], layout: Layout, protocol: Protocol, *, always_full: bool = False
) -> Shown:
    """A raw map as the gallery keeps it, with its boxes and IoU along TAUS.

    Parameters
    ----------
    always_full : the method claims the whole image at every threshold.
    """
    where = place(sample.boxes_xyxy, layout, sample.size_wh, protocol)
    if always_full:
        boxes = np.tile(np.array([[0, 0, *sample.size_wh]], np.int32), (len(TAUS), 1))
        curve = full_frame_curve(where.gt_boxes, where.size_wh, protocol)
        small = np.full((1, 1), 255, np.uint8)
    else:
        final = final_map(raw, layout, where.size_wh, protocol)
        boxes = _in_stored_pixels(boxes_of_thresholds(final, TAUS, protocol), where.size_wh, layout, protocol)
        curve, _ = iou_of_thresholds(final, where.gt_boxes, protocol)
        small = small_map(raw, layout, sample.size_wh)
    return Shown(
        image_id=sample.image_id,
        variant=variant,
        map=small,
        boxes=boxes,
        iou=curve.at(TAUS).astype(np.float32),
    )


def boxes_of_thresholds(map01: NDArray[Any], taus: Sequence[float], protocol: Protocol) -> NDArray[np.int32]:
    """The one box of a single-box protocol at each of `taus`, (t, 4) half-open in the frame of `map01`, from one sweep.

    All zeros where nothing is above the threshold.
    """
    peak = float(map01.max())
    if peak <= 0:
        return np.zeros((len(taus), 4), np.int32)
    if protocol.quantise != "none":
        ranks, levels = map01.astype(np.int32), 256
        at = (np.asarray(taus) * (255 if protocol.resize_uint8 else int(peak))).astype(int)
    else:
        ranks, values = rank(map01 / peak)
        levels = len(values) + 1
        at = np.searchsorted(threshold_starts(values, compare=protocol.compare), taus, side="right") - 1
    if protocol.component == "cam2016_tool":
        raise ConfigError("cam2016_tool has grey levels of its own; its boxes can't be swept")
    found = sweep(ranks, levels=levels, component=protocol.component, connectivity=protocol.connectivity)
    boxes = np.zeros((len(taus), 4), np.int32)
    for n, t in enumerate(at):
        boxes[n] = next(iter(found.at(int(t))), boxes[n])
    return boxes


def small_map(raw: NDArray[Any], layout: Layout, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) uint8 over the whole image, after min-max: the raw grid where it is small, else averaged down to 56.

    Where the view shows only a part of the image, the rest is 0.
    """
    map01 = normalise(np.asarray(raw, np.float64), rule="minmax")
    x0, y0, x1, y1 = layout.region_xyxy
    whole = (x0, y0, x1, y1) == (0, 0, *size_wh)
    if not whole:
        scale = MAP_SIDE / max(size_wh)
        grid = np.zeros((max(1, round(size_wh[1] * scale)), max(1, round(size_wh[0] * scale))))
        left, top, right, bottom = (round(v * scale) for v in (x0, y0, x1, y1))
        part = cv2.resize(map01, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        grid[top:bottom, left:right] = part
        map01 = grid
    elif max(map01.shape) > MAP_SIDE:
        scale = MAP_SIDE / max(map01.shape)
        small = (max(1, round(map01.shape[1] * scale)), max(1, round(map01.shape[0] * scale)))
        map01 = normalise(cv2.resize(map01, small, interpolation=cv2.INTER_AREA), rule="minmax")
    return np.asarray(np.rint(255 * map01.clip(0, 1)), np.uint8)


def _in_stored_pixels(
    boxes: NDArray[np.int32], frame_wh: tuple[int, int], layout: Layout, protocol: Protocol
) -> NDArray[np.int32]:
    """Boxes of the protocol's frame in pixels of the stored image; empty ones stay all zeros."""
    if protocol.space == "original":
        return boxes
    x0, y0, x1, y1 = layout.region_xyxy
    fx, fy = (x1 - x0) / frame_wh[0], (y1 - y0) / frame_wh[1]
    moved = np.rint(boxes * (fx, fy, fx, fy) + (x0, y0, x0, y0)).astype(np.int32)
    moved[boxes[:, 2] <= boxes[:, 0]] = 0
    return np.asarray(moved)
