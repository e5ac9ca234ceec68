"""Mask files whose levels are classes or regions, polygons as masks, and the tight box around a mask."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.fields import short
from wsol.datasets.image_files import SKIP, reason_of
from wsol.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.tree import Box


def levels_of(content: bytes, size_wh: tuple[int, int], name: str) -> NDArray[np.int32]:
    """(h, w) of the levels in a mask file: palette indices, grey levels, or R + 256 G of a color image.

    Raises
    ------
    DataError : it can't be read, or is not of the image's size.
    """
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(content)) as stored:
            if stored.mode in ("P", "L", "I", "I;16", "1"):
                levels = np.asarray(stored).astype(np.int32)
            else:
                color = np.asarray(stored.convert("RGB")).astype(np.int32)
                levels = color[..., 0] + 256 * color[..., 1]
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DataError(f"the mask {short(name)} can't be read ({reason_of(error)}){SKIP}") from error
    if levels.shape != size_wh[::-1]:
        found, image = ("x".join(map(str, side)) for side in (levels.shape[::-1], size_wh))
        raise DataError(f"the mask {short(name)} is {found} pixels, and its image {image}")
    return levels


def tight_box(mask: NDArray[np.bool_]) -> Box | None:
    """The half-open box around all that is set in (h, w); None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
