"""What is object and what is not, pixel by pixel, in the frame of the network input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from wsol.errors import DataError
from wsol.metrics._base import Metric, MetricInput

BACKGROUND, OBJECT, IGNORE = 0, 1, 255

Against = Literal["auto", "mask", "boxes"]


def truth_of(case: MetricInput, against: Against = "auto") -> NDArray[np.uint8]:
    """(h, w) uint8: 0 background, 1 object, 255 ignore.

    Parameters
    ----------
    against : the ``mask``, the ``boxes``, or ``auto``: the mask where there is one.

    Raises
    ------
    DataError : the mask is asked for and the image has none.
    """
    if against == "mask" and case.mask is None:
        raise DataError(f"{case.image_id} has no mask; choose against=boxes, or a data set with masks")
    if against != "boxes" and case.mask is not None:
        return case.mask
    height, width = case.map.shape
    return boxes_to_mask(case.boxes, (height, width))


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


def merge_masks(
    instances: Sequence[NDArray[Any]], ignore: NDArray[Any] | None, *, size_wh: tuple[int, int]
) -> NDArray[np.uint8]:
    """Stored instance masks and an ignore mask to one (h, w) uint8 of 0, 1 and 255 at `size_wh`.

    Each is resized by OpenCV's nearest rule and is on above 0.5; instances are united; what is to be ignored and is no
    object is 255 (wsolevaluation's loader for OpenImages, Choe et al., 2020).
    """
    width, height = size_wh
    merged = np.zeros((height, width), np.uint8)
    for instance in instances:
        merged[_resized(instance, size_wh)] = OBJECT
    if ignore is not None:
        merged[_resized(ignore, size_wh) & (merged != OBJECT)] = IGNORE
    return merged


def _resized(mask: NDArray[Any], size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    found = cv2.resize(np.asarray(mask, np.float32), size_wh, interpolation=cv2.INTER_NEAREST) > 0.5
    return np.asarray(found, dtype=bool)
