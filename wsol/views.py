"""How an image becomes network input, and which part of it a map covers.

A view lays a *canvas* over a region of the stored image and puts one or more square crops on it. Raw maps of the crops
are merged on the canvas; boxes and masks follow the same geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from wsol.errors import ConfigError, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

ViewName = Literal["squash", "centre", "squash_centre", "resize_short", "tencrop", "multiscale"]
Merge = Literal["sum", "sum_abs"]


@dataclass(frozen=True, slots=True)
class Placement:
    """One network input: a rectangle x0, y0, x1, y1 of the canvas, mirrored or not, seen at `side` pixels."""

    box: tuple[int, int, int, int]
    side: tuple[int, int]
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a view puts things for one image.

    Attributes
    ----------
    canvas_wh : size of the canvas in pixels.
    placements : the network inputs cut from it.
    stored_wh : size of the stored image.
    resized_wh : what the stored image is resized to before the canvas is cut from it at `offset`.
    """

    canvas_wh: tuple[int, int]
    placements: tuple[Placement, ...]
    stored_wh: tuple[int, int]
    resized_wh: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    @property
    def region_xyxy(self) -> tuple[float, float, float, float]:
        """The part of the stored image that the canvas shows, in stored pixels."""
        (left, top), (wide, high) = self.offset, self.canvas_wh
        fx, fy = self.stored_wh[0] / self.resized_wh[0], self.stored_wh[1] / self.resized_wh[1]
        return (left * fx, top * fy, (left + wide) * fx, (top + high) * fy)

    @property
    def whole(self) -> bool:
        """One upright crop that is the canvas: its raw map needs no merging."""
        first = self.placements[0]
        return len(self.placements) == 1 and first.box == (0, 0, *self.canvas_wh) and not first.mirrored


@dataclass(frozen=True, slots=True)
class View:
    """A named way from image to network input.

    Attributes
    ----------
    name : ``squash`` (whole image to a square, aspect ratio lost), ``centre`` (shorter side to 256/224 of the input,
        centre crop), ``squash_centre`` (squash to 256/224, centre crop; PSOL), ``resize_short`` (shorter side to the
        input's, whole image), ``tencrop`` (squash to 256/224, four corners and the centre, each also mirrored),
        ``multiscale`` (squash at several sizes, CAMERAS-style).
    side : side of the network input in pixels.
    scales : for ``multiscale``.
    merge : how maps of several crops are added, see `merge_crops`.
    """

    name: ViewName
    side: int
    scales: tuple[float, ...] = (1.0, 1.5, 2.0)
    merge: Merge = "sum"

    def __post_init__(self) -> None:
        if self.side < 8:
            raise ConfigError(f"view.side={self.side} is no size for an image; give 8 pixels or more")

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        """Geometry for a stored image of `size_wh`."""
        side, square = self.side, (self.side, self.side)
        large = round(side * 256 / 224)  # the field's 256 for 224 (Krizhevsky et al., 2012)
        full = (Placement((0, 0, side, side), square),)
        if self.name == "squash":
            return Layout(square, full, size_wh, square)
        if self.name == "multiscale":
            sides = [max(32, round(side * s / 32) * 32) for s in self.scales]
            return Layout(square, tuple(Placement(full[0].box, (s, s)) for s in sides), size_wh, square)
        if self.name == "tencrop":
            far, mid = large - side, round((large - side) / 2)
            corners = ((0, 0), (far, 0), (0, far), (far, far), (mid, mid))
            crops = tuple(
                Placement((x, y, x + side, y + side), square, mirrored)
                for mirrored in (False, True)
                for x, y in corners
            )
            return Layout((large, large), crops, size_wh, (large, large))
        if self.name == "resize_short":
            canvas = _short_side(size_wh, side)
            return Layout(canvas, (Placement((0, 0, *canvas), canvas),), size_wh, canvas)
        if self.name in ("centre", "squash_centre"):
            wide, high = _short_side(size_wh, large) if self.name == "centre" else (large, large)
            offset = (round((wide - side) / 2), round((high - side) / 2))
            return Layout(square, full, size_wh, (wide, high), offset)
        raise unknown("view", self.name, get_args(ViewName))

    def inputs(self, image: Image) -> list[Image]:
        """The network inputs of one image, PIL bilinear as the field's loaders do, in the order of the placements."""
        from PIL import Image as Pillow

        layout = self.layout(image.size)
        resample = Pillow.Resampling.BILINEAR
        if self.name == "multiscale":  # each size from the stored image, not from a smaller canvas
            return [image.resize(p.side, resample) for p in layout.placements]
        left, top = layout.offset
        canvas = image.resize(layout.resized_wh, resample)
        if layout.resized_wh != layout.canvas_wh:
            canvas = canvas.crop((left, top, left + layout.canvas_wh[0], top + layout.canvas_wh[1]))
        crops = []
        for placement in layout.placements:
            crop = canvas if placement.box == (0, 0, *layout.canvas_wh) else canvas.crop(placement.box)
            crops.append(crop.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT) if placement.mirrored else crop)
        return crops


def _short_side(size_wh: tuple[int, int], short: int) -> tuple[int, int]:
    """Size with the shorter side at `short`; the longer one truncated, as torchvision does."""
    width, height = size_wh
    return (short, int(short * height / width)) if width <= height else (int(short * width / height), short)


def boxes_on_canvas(
    boxes_xyxy: NDArray[np.float64],
    layout: Layout,
    size_wh: tuple[int, int] | None = None,
    *,
    divide_first: bool = False,
) -> NDArray[np.float64]:
    """Boxes (g, 4) of the stored image in pixels of a `size_wh` canvas (default: the layout's), clipped to it.

    A coordinate c becomes c * W / w for a stored width w and a canvas width W, multiplied before it is divided as the
    2020 protocol does; `divide_first` is (c / w) * W, as TS-CAM does. They differ in the last bit, and so in what they
    are truncated to. On a cropped canvas the crop's offset is taken off behind that.
    """
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    canvas, stored, resized = (_twice(wh) for wh in (layout.canvas_wh, layout.stored_wh, layout.resized_wh))
    frame = canvas if size_wh is None else _twice(size_wh)
    whole = layout.resized_wh == layout.canvas_wh
    target = frame if whole else resized
    scaled = boxes / stored * target if divide_first else boxes * target / stored
    if not whole:
        scaled = (scaled - (*layout.offset, *layout.offset)) * (frame / canvas)
    return scaled.clip(0, frame)


def _twice(size_wh: tuple[int, int]) -> NDArray[np.float64]:
    """(W, H) as the frame of a box: W, H, W, H."""
    return np.array((*size_wh, *size_wh), np.float64)


def mask_on_canvas(
    mask: NDArray[np.uint8], layout: Layout, size_wh: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """(H, W) mask of the stored image on a `size_wh` canvas, by nearest neighbour: 0, 1 and 255 stay what they are.

    The mask may have another size than the image; it covers all of it.
    """
    import cv2

    scale = np.array(mask.shape[::-1]) / layout.stored_wh
    x0, y0, x1, y1 = (round(v) for v in np.array(layout.region_xyxy) * (*scale, *scale))
    part = mask[y0:y1, x0:x1]
    return np.asarray(cv2.resize(part, size_wh or layout.canvas_wh, interpolation=cv2.INTER_NEAREST), np.uint8)


def merge_crops(raws: list[NDArray[np.floating]], layout: Layout, *, rule: Merge = "sum") -> NDArray[np.floating]:
    """Raw maps of the crops, in the order of the placements, to one raw map of the canvas.

    A single upright crop keeps its own resolution. Otherwise each map is brought to its crop's size (bilinear, corners
    aligned, as layercam_loc does), mirrored back, pasted and summed without dividing by coverage.

    Parameters
    ----------
    rule : ``sum`` the maps (Jiang et al., 2021), or ``sum_abs`` their absolute values (Zhou et al., 2016).
    """
    from wsol.localization.resize import resize

    if layout.whole:
        return raws[0] if rule == "sum" else np.abs(raws[0])
    canvas = np.zeros(layout.canvas_wh[::-1], np.float64)
    for raw, placement in zip(raws, layout.placements, strict=True):
        x0, y0, x1, y1 = placement.box
        part = resize(np.asarray(raw, np.float64), (x1 - x0, y1 - y0), rule="bilinear_corners")
        part = part if rule == "sum" else np.abs(part)
        canvas[y0:y1, x0:x1] += part[:, ::-1] if placement.mirrored else part
    return canvas
