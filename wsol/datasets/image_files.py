"""The contents of image and mask files, and one sentence for those that can't be read."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.datasets.contents import content_digest
from wsol.datasets.decoding import Decoded
from wsol.datasets.fields import read_bytes, short
from wsol.datasets.pixels import decode_image, decode_mask, image_size
from wsol.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


SKIP = "; dataset.damaged=skip leaves such images out"


def as_rgb(
    content: bytes, path: Path | str, *, image_id: str, upright: bool, otherwise: str = ""
) -> tuple[Image, bool]:
    """See `wsol.datasets.pixels.decode_image`. Raises DataError, which ends in `otherwise`."""
    try:
        return decode_image(content, upright=upright)
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DataError(f"image {short(image_id)} can't be read: {path} ({reason_of(error)}){otherwise}") from error


def decoded_image(content: bytes, *, upright: bool) -> Decoded:
    """What decoding an image gives: its size, or why it can't be."""
    try:
        return Decoded(decode_image(content, upright=upright)[0].size)
    except Exception as error:  # as in `as_rgb`
        return Decoded(None, reason_of(error))


def decoded_mask(content: bytes) -> Decoded:
    """As `decoded_image`, of a mask."""
    try:
        height, width = decode_mask(content).shape
        return Decoded((width, height))
    except Exception as error:  # as in `as_rgb`
        return Decoded(None, reason_of(error))


def read_unchanged(path: Path, name: str, known: Mapping[str, str], *, what: str) -> bytes:
    """The content of an image or mask file; `known` has digests by name, of those that were read before.

    Raises
    ------
    DataError : it is missing, or not what it was.
    """
    if not path.is_file():
        raise DataError(f"{what} {short(name)} is missing: there is no file {path}")
    content = read_bytes(path)
    if known.get(name, digest := content_digest(content)) != digest:
        raise DataError(f"{what} {short(name)} was changed during the run: {path}; start the command again")
    return content


def open_image(path: Path, *, image_id: str, upright: bool = False) -> Image:
    """The image of any file as RGB, fully read. Raises DataError: missing, corrupt, or of an unknown range."""
    if not path.is_file():
        raise DataError(f"image {short(image_id)} is missing: there is no file {path}")
    return as_rgb(read_bytes(path), path, image_id=image_id, upright=upright)[0]


def header_sizes(
    folder: Path,
    files: Sequence[str],
    *,
    upright: bool = False,
    otherwise: str = "",
    unreadable: tuple[int, int] | None = None,
) -> list[tuple[int, int]]:
    """Width and height of each image, from its header alone.

    For other files `unreadable`; where that is None, raises DataError, which ends in `otherwise`.
    """
    sizes = []
    for name in files:
        try:
            if not (folder / name).is_file():  # reading a pipe would wait for its writer forever
                raise ValueError("not a file")
            sizes.append(image_size(folder / name, upright=upright))
        except Exception as error:  # as in `as_rgb`
            if unreadable is None:
                reason = f"{folder / name} ({reason_of(error)}){otherwise}"
                raise DataError(f"image {short(name)} can't be read: {reason}") from error
            sizes.append(unreadable)
    return sizes


def header_size(content: bytes, name: str, *, upright: bool) -> tuple[int, int]:
    """Width and height from the beginning of an image's content. Raises DataError."""
    try:
        return image_size(io.BytesIO(content), upright=upright)
    except Exception as error:  # as in `as_rgb`
        raise DataError(f"image {short(name)} can't be read ({type(error).__name__})") from error


def as_mask(content: bytes, path: Path | str, *, image_id: str) -> NDArray[np.bool_]:
    """A mask file as (h, w), true where it is not zero. Raises DataError."""
    try:
        return decode_mask(content)
    except Exception as error:  # as in `as_rgb`
        raise DataError(
            f"a mask of image {short(image_id)} can't be read: {path} ({reason_of(error)}){SKIP}"
        ) from error


def reason_of(error: Exception) -> str:
    """Why an image can't be read; Pillow names the buffer it was given, which says nothing."""
    import PIL

    return "not an image" if isinstance(error, PIL.UnidentifiedImageError) else str(error) or type(error).__name__
