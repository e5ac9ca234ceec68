"""From a raw map to a map01 at the size where boxes are drawn: each protocol's interpolation and normalisation."""

from __future__ import annotations

from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsol.errors import ConfigError, MapError, unknown

ResizeRule = Literal["cubic", "bilinear", "bilinear_corners", "nearest"]
NormaliseRule = Literal["minmax", "max", "percentile", "none"]
Map = NDArray[np.float64]

OPENCV = {"cubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}


def resize(values: ArrayLike, size_wh: tuple[int, int], *, rule: ResizeRule) -> Map:
    """A map (h, w) at `size_wh` = (W, H), as (H, W) float64.

    Parameters
    ----------
    rule :
        ``cubic``: OpenCV's, half-pixel centres, a = -0.75, may leave the map's range (clovaai/wsolevaluation).
        ``bilinear``: OpenCV's, half-pixel centres (align_corners False), no smoothing when it shrinks.
        ``bilinear_corners``: corner pixels keep their centres (align_corners True; PengtaoJiang/layercam_loc).
        ``nearest``: OpenCV's, source pixel floor(x w / W).

    Raises
    ------
    MapError for a map that is not (h, w), ConfigError for an unknown rule or an empty size.
    """
    grid = _grid(values)
    if rule not in get_args(ResizeRule):
        raise unknown("resize rule", rule, get_args(ResizeRule), error=ConfigError)
    _check_size(size_wh)
    if rule == "bilinear_corners":
        down, across = _corner_weights(size_wh[1], grid.shape[0]), _corner_weights(size_wh[0], grid.shape[1])
        return np.asarray(down @ grid @ across.T)
    # float64 all the way: published boxes come from float64 maps, and float32 moves values across uint8 levels
    return _opencv(grid, size_wh, OPENCV[rule])


def normalise(values: ArrayLike, *, rule: NormaliseRule, low: float = 1.0, high: float = 99.0) -> Map:
    """A map within [0, 1] (``none``: unchanged), same shape, float64.

    Parameters
    ----------
    rule :
        ``minmax``: (M - min) / (max - min); a constant map, or one with NaN, is all zeros (clovaai/wsolevaluation).
        ``max``: ReLU(M) / max; a map without positive values is all zeros.
        ``percentile``: ``minmax`` after clipping at two percentiles, the histogram stretching maps are often shown
        under.
    low, high : percentiles for ``percentile``, 0 <= low < high <= 100.

    Raises
    ------
    MapError for infinite values, and for NaN under another rule than ``minmax``.
    """
    if rule not in get_args(NormaliseRule):
        raise unknown("normalisation", rule, get_args(NormaliseRule), error=ConfigError)
    if not 0 <= low < high <= 100:
        raise ConfigError(f"percentiles low={low:g}, high={high:g} can't be used; they need 0 <= low < high <= 100")
    grid = np.asarray(values, np.float64)
    missing = bool(np.isnan(grid).any())
    if rule == "minmax" and missing:
        return np.zeros_like(grid)
    if grid.size == 0 or missing or np.isinf(grid).any():
        raise MapError(f"a map of shape {grid.shape} is empty, or has NaN or infinite values; it can't be normalised")
    if rule == "none":
        return grid
    if rule == "percentile":
        grid = np.clip(grid, *np.percentile(grid, (low, high)))
    shifted: Map = np.maximum(grid, 0) if rule == "max" else grid - grid.min()
    top = shifted.max()
    return shifted / top if top > 0 else shifted


def uint8_by_max(values: ArrayLike) -> NDArray[np.uint8]:
    """LayerCAM's grey levels: 255 ReLU(M) / (max + 1e-8), truncated, all in float32 (PengtaoJiang/layercam_loc)."""
    cut = np.maximum(_grid(values).astype(np.float32), np.float32(0))
    return np.asarray(cut / (cut.max() + np.float32(1e-8)) * np.float32(255)).astype(np.uint8)


def resize_uint8_cubic(levels: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """OpenCV's cubic resize of a uint8 map (h, w) to (H, W): fixed-point and saturating (PengtaoJiang/layercam_loc).

    Not the float resize rounded. OpenCV releases differ by one level in single pixels.
    """
    if levels.dtype != np.uint8:
        raise MapError(f"this resize is defined on uint8, not {levels.dtype}; use uint8_by_max() first")
    _check_size(size_wh)
    resized: NDArray[np.uint8] = _opencv(levels, size_wh, cv2.INTER_CUBIC)
    return resized


def _opencv(grid: NDArray[Any], size_wh: tuple[int, int], how: int) -> NDArray[Any]:
    return np.asarray(cv2.resize(np.ascontiguousarray(grid), (int(size_wh[0]), int(size_wh[1])), interpolation=how))


def _corner_weights(size: int, old: int) -> Map:
    """(size, old) rows of two interpolation weights; the first and last pixel keep their places."""
    where = np.arange(size) * ((old - 1) / (size - 1) if size > 1 else 0.0)
    left = np.minimum(where.astype(np.int64), max(old - 2, 0))
    weights = np.zeros((size, old))
    weights[np.arange(size), left] = 1 - (where - left)
    if old > 1:
        weights[np.arange(size), left + 1] = where - left
    return weights


def _grid(values: ArrayLike) -> Map:
    grid = np.asarray(values, np.float64)
    if grid.ndim != 2 or grid.size == 0:
        raise MapError(f"a map must be (h, w), not shape {grid.shape}")
    return grid


def _check_size(size_wh: tuple[int, int]) -> None:
    if min(size_wh) < 1:
        raise ConfigError(f"can't resize to {size_wh[0]} x {size_wh[1]}; width and height must be at least 1")


def quantise(map01: ArrayLike) -> NDArray[np.int32]:
    """floor(255 map) as whole numbers 0..255, in float64 (clovaai/wsolevaluation).

    A threshold tau of the 2020 protocol is t = floor(tau * max), whose foreground is {levels > t}.
    Raises MapError where the map leaves [0, 1].
    """
    values = np.asarray(map01, np.float64)
    if not (values.size and values.min() >= 0 and values.max() <= 1):
        raise MapError(f"a map to quantize must be within [0, 1], this one {_span(values)}; normalize it first")
    return np.floor(255 * values).astype(np.int32)


def rank(values: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Ranks 1..L of a float map and its L distinct values, ascending; they have L + 1 levels.

    {ranks > t} is {map >= values[t]} for t = 0..L-1 and empty for t = L; `threshold_starts` says which tau that is.
    Raises MapError for a map with NaN.
    """
    flat = np.asarray(values, np.float64)
    if flat.size == 0 or np.isnan(flat).any():
        raise MapError(f"a map to rank must hold numbers only, this one {_span(flat)}")
    distinct, index = np.unique(flat, return_inverse=True)
    return (index.reshape(flat.shape) + 1).astype(np.int32), distinct


def threshold_starts(values: NDArray[np.float64], *, compare: str) -> NDArray[np.float64]:
    """(L + 1,): the smallest tau >= 0 that each t of `rank` stands for; equal neighbors stand for no tau at all.

    With ``compare=ge`` t starts just after values[t-1]: at the next float, so that step functions stay closed on the
    left.
    """
    starts = values if compare == "gt" else np.nextafter(values, np.inf)
    return np.concatenate([[0.0], np.maximum(starts, 0.0)])


def _span(values: NDArray[np.float64]) -> str:
    if values.size == 0:
        return "is empty"
    if np.isnan(values).any():
        return f"has {int(np.isnan(values).sum())} NaN"
    return f"spans {values.min():g}..{values.max():g}"
