"""What is object and what is not, pixel by pixel, in the frame of the network input."""

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from wsol.errors import DataError
from wsol.metrics._base import Metric, MetricInput

BACKGROUND, OBJECT, IGNORE = 0, 1, 255

Against = Literal["auto", "mask", "boxes"]


def truth_of(item: MetricInput, against: Against = "auto") -> NDArray[np.uint8]:
    """(h, w) uint8: 0 background, 1 object, 255 ignore.

    Parameters
    ----------
    against : the ``mask``, the ``boxes``, or ``auto``: the mask where there is one.

    Raises
    ------
    DataError : the mask is asked for and the image has none.
    """
    if against == "mask" and item.mask is None:
        raise DataError(f"{item.image_id} has no mask; choose against=boxes, or a data set with masks")
    if against != "boxes" and item.mask is not None:
        return item.mask
    height, width = item.map.shape
    return boxes_to_mask(item.boxes, (height, width))


def against_boxes(metric: Metric) -> bool:
    """Whether a metric, with these options, compares with boxes alone: images without any have no value then."""
    return "boxes" in metric.info.needs or (metric.info.against and cast(Any, metric).against == "boxes")


def boxes_to_mask(boxes: NDArray[np.floating[Any]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Half-open boxes (g, 4) to (h, w) uint8: 1 where a pixel's center is inside any of them."""
    inside = np.zeros(shape, dtype=bool)
    y, x = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1])[None] + 0.5
    for x0, y0, x1, y1 in np.asarray(boxes, np.float64).reshape(-1, 4):
        inside |= (x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)
    return inside.astype(np.uint8)
