"""Image and mask files as 8-bit arrays, whatever their type is: scaled by a stated rule, or refused; never black."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

RULES = (
    "Pillow decodes them, as in the published evaluators, and makes them RGB: grey is repeated, a palette looked up, "
    "CMYK converted by Pillow's formula without color profiles, transparency dropped (the color below it shows), of 16 "
    "bits the upper eight taken, and real numbers of 0 to 1 multiplied by 255."
)
UPRIGHT = {False: "EXIF turns none: they are as stored.", True: "EXIF turns them upright."}

TYPICAL = 2**14  # what some pixel of a real 16-bit image exceeds; 10, 12 and 14 bits in 16 stay below
ORIENTATION = 0x0112  # EXIF: how a camera was held; 1 is upright


def decode_image(content: bytes, *, upright: bool) -> tuple[Image, bool]:
    """The RGB image in a file's `content` by `RULES`, and whether its orientation tag asks for a turn.

    Parameters
    ----------
    upright : turn it as its tag says.

    Raises
    ------
    Exception : whatever Pillow's decoders raise; ValueError for values in another range.
    """
    import PIL.Image
    import PIL.ImageOps

    with PIL.Image.open(io.BytesIO(content)) as stored:
        turned = stored.getexif().get(ORIENTATION, 1) not in (0, 1)
        wide = any(";16" in str(tile[3]) for tile in getattr(stored, "tile", ()))  # before Pillow cuts it to 8 bits
        if stored.mode.startswith(("I", "F")):
            image = PIL.Image.fromarray(_levels(np.asarray(stored), sixteen=stored.mode.startswith("I;16")))
        else:
            image = stored.convert("RGB")
            if wide and 0 < int(np.asarray(image).max()) < TYPICAL >> 8:
                raise ValueError(f"its 16 bits use levels below {TYPICAL} alone; {_ADVICE}")
        if upright and turned:
            transposed = PIL.ImageOps.exif_transpose(_with_tag(image, stored))
            assert transposed is not None
            image = transposed
    return image.convert("RGB"), turned


def image_size(content: Any, *, upright: bool) -> tuple[int, int]:
    """Width and height from an image file's header alone; `content` is a path or a file. Raises as `decode_image`."""
    import PIL.Image

    with PIL.Image.open(content) as stored:
        turned = upright and stored.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
        width, height = stored.size
    return (height, width) if turned else (width, height)


def decode_mask(content: bytes) -> NDArray[np.bool_]:
    """(h, w) of a mask file: object where any color is not zero. Raises as `decode_image`."""
    import PIL.Image

    with PIL.Image.open(io.BytesIO(content)) as stored:
        if stored.mode.startswith(("I", "F")) or stored.mode in ("1", "L"):
            values = np.asarray(stored)
        elif stored.mode in ("LA", "La"):
            values = np.asarray(stored.convert("LA"))[..., 0]
        else:
            values = np.asarray(stored.convert("RGB")).max(-1)  # grey would round a dark blue to nothing
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinite values")
    return np.asarray(values != 0)


_ADVICE = "save it with 8 bits, or with the whole range of its type"


def _levels(values: NDArray[Any], *, sixteen: bool) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return np.asarray(np.rint(values * 255), np.uint8)
    if low >= 0 and high <= 255 and not (sixteen and high):
        return np.asarray(np.rint(values), np.uint8)
    if values.dtype.kind in "iu" and low >= 0 and TYPICAL <= high <= 65535:
        return np.asarray(values >> 8, np.uint8)
    kind = "16 bits" if sixteen else f"type {values.dtype}"
    raise ValueError(f"its values of {kind} span {low:g} to {high:g}, which has no known scale; {_ADVICE}")


def _with_tag(image: Image, stored: Image) -> Image:
    image.info["exif"] = stored.getexif().tobytes()
    return image
