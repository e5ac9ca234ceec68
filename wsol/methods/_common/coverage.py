"""How much of each cell of a grid an object covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Region:
    """What an annotation says of one object in a picture.

    Attributes
    ----------
    box : x0, y0, x1, y1 in shares of the picture's width and height.
    mask : (H, W) of 0 and 1 over the picture, of which the part in the box is the object; None: the box is.
    """

    box: tuple[float, float, float, float]
    mask: NDArray[np.uint8] | None = None


def coverage(region: Region, grid_hw: tuple[int, int], shift: tuple[float, float]) -> NDArray[np.float64]:
    """(h, w) in [0, 1]: the share of each cell that the object covers.

    Parameters
    ----------
    shift : right and down, in cells; the object is moved by it.
    """
    (height, width), (x0, y0, x1, y1) = grid_hw, region.box
    right, down = shift
    if region.mask is None:
        columns = _overlaps(np.array([x0 * width + right]), np.array([x1 * width + right]), width)
        rows = _overlaps(np.array([y0 * height + down]), np.array([y1 * height + down]), height)
        return np.outer(rows[0], columns[0])
    high, wide = region.mask.shape
    left, top = (np.arange(side + 1) / side for side in (wide, high))
    (left, right_ends), (top, bottom) = (_inside(left, x0, x1), _inside(top, y0, y1))
    columns = _overlaps(left * width + right, right_ends * width + right, width)
    rows = _overlaps(top * height + down, bottom * height + down, height)
    return np.asarray(rows.T @ region.mask.astype(np.float64) @ columns)


def shifts(count: int) -> Sequence[tuple[float, float]]:
    """Points of [-0.5, 0.5)^2 that fill a cell evenly, (0, 0) first: a lattice of `count` points with generator 3."""
    at = np.arange(count) / count
    points = np.stack([at, 3 * at], axis=1) + 0.5
    return [(float(x), float(y)) for x, y in points % 1 - 0.5]


def _inside(edges: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """(2, n): both ends of the n pixels between `edges`, cut to [low, high]."""
    return np.clip(np.stack([edges[:-1], edges[1:]]), low, max(low, high))


def _overlaps(low: NDArray[np.float64], high: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """(n, cells): how long the part of [low, high] is that lies in each cell of side 1."""
    edges = np.arange(cells)
    shared = np.minimum(high[:, None], edges + 1) - np.maximum(low[:, None], edges)
    return np.asarray(np.maximum(shared, 0.0))
