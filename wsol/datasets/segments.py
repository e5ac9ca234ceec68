"""Segmentations of COCO files as masks: run lengths and polygons, checked before anything is drawn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

Count = Annotated[int, Meta(ge=0, le=2**53)]


class Rle(Struct, frozen=True):
    """Run lengths, column by column, zeros first; `counts` as COCO's compressed text or as numbers."""

    size: tuple[Count, Count]
    counts: str | list[Count]


Segmentation = list[list[float]] | Rle | None


def decode(segmentation: list[list[float]] | Rle, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """(h, w) of an object in an image. Raises ValueError where the segmentation is not of that image."""
    if isinstance(segmentation, Rle):
        return _of_runs(segmentation, size_wh)
    return _of_polygons(segmentation, size_wh)


def _of_runs(rle: Rle, size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    width, height = size_wh
    if rle.size != (height, width):
        hint = ", height first" if rle.size == (width, height) else ""
        raise ValueError(f"its size is {list(rle.size)}, and the image's is {[height, width]}{hint}")
    counts = _counts_of(rle.counts) if isinstance(rle.counts, str) else rle.counts
    total = sum(counts)
    if total != width * height:
        raise ValueError(f"its counts add up to {total} pixels, and the image has {width * height}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _counts_of(text: str) -> list[int]:
    """COCO's compressed counts: five bits per character, low ones first; from the fourth on, less the last but one."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise ValueError(f"its compressed counts have the character {character!r}")
        value |= (code & 31) << shift
        shift += 5
        if shift > 60:
            raise ValueError("its compressed counts have a number of more than 60 bits")
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            if counts[-1] < 0:
                raise ValueError(f"its compressed counts have {counts[-1]}, below 0")
            value = shift = 0
    if shift:
        raise ValueError("its compressed counts end within a number")
    return counts


def _of_polygons(polygons: Sequence[Sequence[float]], size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    from pycocotools import mask as coco_mask

    width, height = size_wh
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(f"a polygon of it has {len(polygon)} numbers; expected x, y of three or more points")
        for n, value in enumerate(polygon):
            side = (width, height)[n % 2]
            if not math.isfinite(value) or not -side <= value <= 2 * side:
                raise ValueError(f"a polygon of it has the coordinate {value:g} in an image of {width}x{height}")
    with warnings.catch_warnings():
        # pycocotools 2.0.11 doesn't know the copy argument NumPy 2 hands to __array__; the answer is the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        runs = coco_mask.merge(coco_mask.frPyObjects([list(polygon) for polygon in polygons], height, width))
        return np.asarray(coco_mask.decode(runs)) > 0
