"""A map over its image, for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from wsol.api.arguments import as_array, as_boxes
from wsol.datasets.adapt import as_image
from wsol.errors import ConfigError
from wsol.report.figures.overlay import overlay as draw

if TYPE_CHECKING:
    from PIL.Image import Image

NONE = np.zeros((0, 4))


def overlay(
    image: Any, raw: ArrayLike, *, boxes: ArrayLike = NONE, gt_boxes: ArrayLike = NONE, caption: str = ""
) -> Image:
    """An image under its map, as a PIL image: ``wsol.overlay(image, maps[0], boxes=found[0].boxes(0.2))``.

    Parameters
    ----------
    image : a PIL image, an (h, w, 3) uint8 array, or a (3, h, w) tensor with values in [0, 1].
    raw : a map (h, w) that covers the whole image; it is stretched from its minimum to its maximum.
    boxes, gt_boxes : (n, 4) predicted and true boxes in pixels of the image.

    Raises
    ------
    ConfigError : a map that is not (h, w). DataError : something that is not an image.
    """
    values = np.asarray(as_array(raw), np.float64)
    if values.ndim != 2 or not values.size:
        raise ConfigError(
            f"a map of shape {values.shape} can't be drawn over an image; expected (h, w), such as maps[0]"
        )
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    map01 = np.nan_to_num((values - low) / (high - low)) if high > low else np.zeros(values.shape)
    return draw(
        as_image(image, where="overlay"),
        map01,
        gt_boxes=as_boxes(gt_boxes),
        predicted_boxes=as_boxes(boxes),
        caption=caption,
    )
