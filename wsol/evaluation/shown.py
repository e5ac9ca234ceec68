"""From an image and a raw map to what the gallery keeps of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from wsol.datasets.ranks import classification
from wsol.localization.frame import in_stored_pixels
from wsol.localization.localize import boxes_along, fixed_tau, localize
from wsol.localization.normalize import normalize
from wsol.localization.records import ImageMap
from wsol.runs.gallery import TAUS, Picture, Shown

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.datasets.base import Sample
    from wsol.protocols._base import Protocol
    from wsol.views import Layout

PICTURE_SIDE = 256  # pixels of the longest side: sharp enough on a page of many
MAP_SIDE = 56  # no stage of the usual networks is finer, but for the stem
JPEG_QUALITY = 80


def picture(sample: Sample, image: Image, logits: NDArray[Any]) -> Picture:
    """A small copy of an image, with what the network predicts for it."""
    from PIL import Image as Pillow

    small = image.convert("RGB")
    small.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Pillow.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    known = classification(logits, sample.label)
    return Picture(
        image_id=sample.image_id,
        jpeg=file.getvalue(),
        size_wh=sample.size_wh,
        label=sample.label,
        predicted=int(np.argmax(logits)),
        probability=known["probability"],
        rank=known["rank"],
        gt_boxes=np.asarray(sample.boxes_xyxy, np.float64).reshape(-1, 4),
    )


def shown(sample: Sample, variant: str, item: ImageMap, protocol: Protocol) -> Shown:
    """A raw map as the gallery keeps it, with its boxes and IoU along TAUS: those of the row."""
    localized = localize([item], [protocol])[protocol.name]
    if localized.boxes is not None:
        each = [box[None] if box.any() else box[:0].reshape(0, 4) for box in localized.boxes.at(TAUS)[0]]
    elif protocol.tau == "sweep":
        each = boxes_along(item, protocol, TAUS)
    else:
        each = boxes_along(item, protocol, [fixed_tau(item, protocol)]) * len(TAUS)
    stored = [in_stored_pixels(boxes, item.layout, space=protocol.space, side=protocol.side) for boxes in each]
    small = np.full((1, 1), 255, np.uint8) if item.full else small_map(item.raw, item.layout, sample.size_wh)
    return Shown(
        image_id=sample.image_id,
        variant=variant,
        map=small,
        boxes=np.rint(np.concatenate(stored)).astype(np.int32),
        counts=np.array([len(boxes) for boxes in each], np.int32),
        iou=localized.iou.at(TAUS)[0].astype(np.float32),
    )


def small_map(raw: NDArray[Any], layout: Layout, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) uint8 over the whole image, after min-max: the raw grid where it is small, else averaged down to 56.

    Where the view shows only a part of the image, the rest is 0.
    """
    map01 = normalize(np.nan_to_num(np.asarray(raw, np.float64), posinf=0, neginf=0), rule="minmax")
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
        map01 = normalize(cv2.resize(map01, small, interpolation=cv2.INTER_AREA), rule="minmax")
    return np.asarray(np.rint(255 * map01.clip(0, 1)), np.uint8)
