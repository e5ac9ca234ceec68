"""Pictures: an image under its heat map, with ground-truth and predicted boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

GT_COLOUR = (60, 220, 120)
PREDICTED_COLOUR = (255, 70, 70)
HEAT_SHARE = 0.55  # weight of the heat map over the image
CAPTION_PX = 18


def overlay(
    image: Image.Image,
    map01: NDArray[Any],
    *,
    gt_boxes: NDArray[Any],
    predicted_boxes: NDArray[Any],
    caption: str = "",
    min_side: int = 320,
) -> Image.Image:
    """Draw a map over an image.

    Parameters
    ----------
    image : RGB; small ones are enlarged so that the shorter side has `min_side` pixels.
    map01 : (h, w) in [0, 1], covering the whole image; any size.
    gt_boxes, predicted_boxes : (n, 4) x0 y0 x1 y1 in pixels of `image`; green and red.
    caption : one line under the picture.
    """
    scale = max(1.0, min_side / min(image.size))
    size = (round(image.width * scale), round(image.height * scale))
    base = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32)
    heat = cv2.resize(np.asarray(map01, np.float32), size, interpolation=cv2.INTER_LINEAR).clip(0, 1)
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1].astype(np.float32)
    mixed = base * (1 - HEAT_SHARE) + colours * HEAT_SHARE
    picture = Image.new("RGB", (size[0], size[1] + (CAPTION_PX if caption else 0)), "white")
    picture.paste(Image.fromarray(mixed.astype(np.uint8)))
    draw = ImageDraw.Draw(picture)
    for boxes, colour in ((gt_boxes, GT_COLOUR), (predicted_boxes, PREDICTED_COLOUR)):
        for x0, y0, x1, y1 in np.asarray(boxes, float).reshape(-1, 4) * scale:
            corners = (x0, y0, max(x0, x1 - 1), max(y0, y1 - 1))
            draw.rectangle(corners, outline=(0, 0, 0), width=4)  # a dark rim keeps the line visible on any heat
            draw.rectangle(corners, outline=colour, width=2)
    if caption:
        draw.text((4, size[1] + 3), caption, fill="black")
    return picture


def sheet(pictures: Sequence[Image.Image], *, columns: int = 4, gap: int = 8) -> Image.Image:
    """Pictures in a grid on white."""
    width, height = max(p.width for p in pictures), max(p.height for p in pictures)
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    canvas = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), "white")
    for n, picture in enumerate(pictures):
        canvas.paste(picture, (gap + n % columns * (width + gap), gap + n // columns * (height + gap)))
    return canvas
