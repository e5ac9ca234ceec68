"""What is known of one image before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of one image (of one class in it, where an image has several) without opening it.

    Attributes
    ----------
    image_id : unique and stable in the dataset; rows, shards and random seeds are keyed by it.
    label : class index as the network counts, from 0.
    boxes_xyxy : (g, 4) float64, ground-truth boxes of that class, x0 y0 x1 y1 in pixels of the stored image.
    size_wh : width and height of the stored image in pixels.
    """

    image_id: str
    label: int
    boxes_xyxy: NDArray[np.float64]
    size_wh: tuple[int, int]
