"""Maps as small pictures in a notebook."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.figures.style import heat

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN, SIDE = 12, 96  # maps at most, and pixels each


def thumbnails(raw: NDArray[Any], *, caption: str) -> str:
    """HTML with the first maps of (n, h, w), each stretched from its minimum to its maximum; text alone otherwise."""
    if raw.ndim != 3:
        return f"<p>{escape(caption)}</p>"
    pictures = "".join(f'<img width="{SIDE}" alt="map {n}" src="{_png(one)}"> ' for n, one in enumerate(raw[:SHOWN]))
    more = f" (the first {SHOWN})" if len(raw) > SHOWN else ""
    return f"<div>{pictures}<br>{escape(caption)}{more}</div>"


def _png(raw: NDArray[Any]) -> str:
    from PIL import Image

    low, high = float(np.nanmin(raw)), float(np.nanmax(raw))
    map01 = np.nan_to_num((raw - low) / (high - low)) if high > low else np.zeros(raw.shape)
    picture = Image.fromarray(np.rint(heat(map01)[0]).astype(np.uint8))
    scale = SIDE / max(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BILINEAR)
    held = io.BytesIO()
    picture.save(held, "PNG")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()
