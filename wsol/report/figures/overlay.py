"""Pictures: an image under its heat map, with ground-truth and predicted boxes, what they are, and a color scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wsol.report.figures.style import PREDICTED, RIM, TRUTH, blend, heat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Corners = tuple[float, float, float, float]

LINE_PX, FONT_PX = 20, 13  # of the text below
DASH_PX, SCALE_PX = 8, 60
LONGEST_PX = 2048  # of an enlarged picture: a strip of one row would become hundreds of millions of pixels


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
    image : RGB; small ones are enlarged so that the shorter side has `min_side` pixels, or the longer one `LONGEST_PX`.
    map01 : (h, w) in [0, 1], covering the whole image; any size.
    gt_boxes, predicted_boxes : (n, 4) x0 y0 x1 y1 in pixels of `image`; dashed and solid.
    caption : one line under the picture; the key to its lines and colors stands below.
    """
    scale = max(1.0, min(min_side / min(image.size), LONGEST_PX / max(image.size)))
    size = (round(image.width * scale), round(image.height * scale))
    lines = _lines(caption, size[0])
    picture = Image.new("RGB", (size[0], size[1] + LINE_PX * (len(lines) + 1)), "white")
    picture.paste(Image.fromarray(blend(image.resize(size, Image.Resampling.BICUBIC), map01)))
    draw = ImageDraw.Draw(picture)
    for boxes, dashed in ((predicted_boxes, False), (gt_boxes, True)):
        for x0, y0, x1, y1 in np.asarray(boxes, float).reshape(-1, 4) * scale:
            _box(draw, (x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), dashed=dashed)
    for n, line in enumerate(lines):
        draw.text((4, size[1] + 3 + n * LINE_PX), line, fill="black", font=ImageFont.load_default(FONT_PX))
    drawn = {"truth": bool(len(gt_boxes)), "predicted": bool(len(predicted_boxes))}
    _key(picture, draw, size[1] + LINE_PX * len(lines), drawn)
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


def _box(draw: ImageDraw.ImageDraw, corners: Corners, *, dashed: bool) -> None:
    """A rectangle on a dark rim, which keeps it visible on any heat."""
    x0, y0, x1, y1 = corners
    draw.rectangle(corners, outline=RIM, width=4)
    if not dashed:
        draw.rectangle(
            (x0 + 1, y0 + 1, x1 - 1, y1 - 1) if min(x1 - x0, y1 - y0) > 2 else corners, outline=PREDICTED, width=2
        )
        return
    for start, end in (((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)), ((x1, y1), (x0, y1)), ((x0, y1), (x0, y0))):
        _dashes(draw, np.array(start), np.array(end))


def _dashes(draw: ImageDraw.ImageDraw, start: NDArray[Any], end: NDArray[Any]) -> None:
    length = float(np.abs(end - start).sum())
    for at in np.arange(0, length, 2 * DASH_PX):
        one, two = (start + (end - start) * min(1, d / length) for d in (at, at + DASH_PX))
        draw.line([tuple(one), tuple(two)], fill=TRUTH, width=2)


def _key(picture: Image.Image, draw: ImageDraw.ImageDraw, top: int, drawn: Mapping[str, bool]) -> None:
    """What lines and colors mean: the name of each kind of box that is `drawn`, then the scale."""
    x, middle, font = 4, top + LINE_PX // 2, ImageFont.load_default(FONT_PX)
    for name in (name for name, some in drawn.items() if some):
        draw.line([(x, middle), (x + 26, middle)], fill=RIM, width=6)
        if name == "truth":
            _dashes(draw, np.array((x + 1, middle)), np.array((x + 26, middle)))
        else:
            draw.line([(x, middle), (x + 26, middle)], fill=PREDICTED, width=2)
        draw.text((x + 31, top + 2), name, fill="black", font=font)
        x += 40 + round(draw.textlength(name, font=font))
    colors, alpha = heat(np.tile(np.linspace(0, 1, SCALE_PX), (10, 1)))
    x = picture.width - SCALE_PX - 18
    draw.text((x - 12, top + 2), "0", fill="black", font=font)
    picture.paste(Image.fromarray(np.rint(colors * alpha + 255 * (1 - alpha)).astype(np.uint8)), (x, middle - 5))
    draw.text((x + SCALE_PX + 5, top + 2), "1", fill="black", font=font)


def _lines(caption: str, width: int) -> list[str]:
    """The caption's words in lines that fit."""
    font, lines = ImageFont.load_default(FONT_PX), list[str]()
    for word in caption.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width - 8:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
