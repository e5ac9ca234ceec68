"""From a raw map to the size at which boxes are drawn: each protocol's interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, MapError
from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Map = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ResizeRule:
    """An interpolation.

    Attributes
    ----------
    function : from a float64 map (h, w) and the size (W, H) to (H, W).
    opencv : the code of the interpolation where it is OpenCV's own; such maps can be written into a buffer.
    """

    function: Callable[[Map, tuple[int, int]], Map]
    opencv: int | None = None


INTER_NEAREST, INTER_LINEAR, INTER_CUBIC = range(3)  # OpenCV's codes, known without importing it
resize_rules: Rules[ResizeRule] = Rules("resize rule", ResizeRule)


def resize(values: ArrayLike, size_wh: tuple[int, int], *, rule: str) -> Map:
    """A map (h, w) at `size_wh` = (W, H), as (H, W) float64.

    Parameters
    ----------
    rule : a name in `resize_rules`.
        ``cubic``: OpenCV's, half-pixel centers, a = -0.75, may leave the map's range (clovaai/wsolevaluation).
        ``bilinear``: OpenCV's, half-pixel centers (align_corners False), no smoothing when it shrinks.
        ``bilinear_corners``: corner pixels keep their centers (align_corners True; PengtaoJiang/layercam_loc).
        ``nearest``: OpenCV's, source pixel floor(x w / W).

    Raises
    ------
    MapError for a map that is not (h, w), ConfigError for an unknown rule or an empty size.
    """
    grid = check_grid(values)
    chosen = resize_rules[rule]
    _check_size(size_wh)
    # float64 all the way: published boxes come from float64 maps, and float32 moves values across uint8 levels
    return chosen.function(grid, size_wh)


@resize_rules.rule("nearest", opencv=INTER_NEAREST)
def _nearest(grid: Map, size_wh: tuple[int, int]) -> Map:
    return _opencv(grid, size_wh, INTER_NEAREST)


@resize_rules.rule("bilinear", opencv=INTER_LINEAR)
def _bilinear(grid: Map, size_wh: tuple[int, int]) -> Map:
    return _opencv(grid, size_wh, INTER_LINEAR)


@resize_rules.rule("cubic", opencv=INTER_CUBIC)
def _cubic(grid: Map, size_wh: tuple[int, int]) -> Map:
    return _opencv(grid, size_wh, INTER_CUBIC)


@resize_rules.rule("bilinear_corners")
def _bilinear_corners(grid: Map, size_wh: tuple[int, int]) -> Map:
    down, across = _corner_weights(size_wh[1], grid.shape[0]), _corner_weights(size_wh[0], grid.shape[1])
    return np.asarray(down @ grid @ across.T)


def resize_uint8_cubic(levels: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """OpenCV's cubic resize of a uint8 map (h, w) to (H, W): fixed-point and saturating (PengtaoJiang/layercam_loc).

    Not the float resize rounded. OpenCV releases differ by one level in single pixels.
    """
    if levels.dtype != np.uint8:
        raise MapError(f"this resize is defined on uint8, not {levels.dtype}; use uint8_by_max() first")
    _check_size(size_wh)
    resized: NDArray[np.uint8] = _opencv(levels, size_wh, INTER_CUBIC)
    return resized


def check_grid(values: ArrayLike) -> Map:
    """A map as float64. Raises MapError unless it is (h, w) and not empty."""
    grid = np.asarray(values, np.float64)
    if grid.ndim != 2 or grid.size == 0:
        raise MapError(f"a map must be (h, w), not shape {grid.shape}")
    return grid


def _check_size(size_wh: tuple[int, int]) -> None:
    if min(size_wh) < 1:
        raise ConfigError(f"can't resize to {size_wh[0]} x {size_wh[1]}; width and height must be at least 1")


def _opencv(grid: NDArray[Any], size_wh: tuple[int, int], interpolation: int) -> NDArray[Any]:
    import cv2

    size = int(size_wh[0]), int(size_wh[1])
    return np.asarray(cv2.resize(np.ascontiguousarray(grid), size, interpolation=interpolation))


def _corner_weights(size: int, old: int) -> Map:
    """(size, old) rows of two interpolation weights; the first and last pixel keep their places."""
    where = np.arange(size) * ((old - 1) / (size - 1) if size > 1 else 0.0)
    left = np.minimum(where.astype(np.int64), max(old - 2, 0))
    weights = np.zeros((size, old))
    weights[np.arange(size), left] = 1 - (where - left)
    if old > 1:
        weights[np.arange(size), left + 1] = where - left
    return weights
