"""Each protocol's normalization of a map to [0, 1], and whether it comes before or after the resize."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, MapError
from wsol.localization.resize import check_grid
from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Map = NDArray[np.float64]
    Step = Callable[[Map], Map]


@dataclass(frozen=True, slots=True)
class NormalizeRule:
    """A normalization.

    Attributes
    ----------
    function : from a float64 map without NaN or infinite values to one of the same shape; options by keyword.
    knobs : what of a protocol it takes as options, by the knobs' names.
    reaches_one : the maximum is 1 unless the map is flat, so that thresholds have the same levels in every map.
    nan_is_flat : a map with NaN is all zeros; otherwise it is refused.
    grey_levels : from a map to uint8 levels where they are not floor(255 map), for protocols that resize these.
    floor_into : from a finite map to floor(255 map), written into a uint8 array in one pass.
    """

    function: Callable[..., Map]
    knobs: tuple[str, ...] = ()
    reaches_one: bool = False
    nan_is_flat: bool = False
    grey_levels: Callable[[Map], NDArray[np.uint8]] | None = None
    floor_into: Callable[[Map, NDArray[np.uint8]], None] | None = None


normalize_rules: Rules[NormalizeRule] = Rules("normalization", NormalizeRule)


def normalize(values: ArrayLike, *, rule: str, **options: Any) -> Map:
    """A map within [0, 1] (``none``: unchanged), same shape, float64.

    Parameters
    ----------
    rule : a name in `normalize_rules`.
        ``minmax``: (M - min) / (max - min); a constant map, or one with NaN, is all zeros (clovaai/wsolevaluation).
        ``max``: ReLU(M) / max; a map without positive values is all zeros.
        ``percentile``: ``minmax`` after clipping at two percentiles, the histogram stretching maps are often shown
        under; options ``low`` and ``high``, 0 <= low < high <= 100.
        ``pas``: min((M - min) / (P90 - min), 1), where P90 is a value with 90 % of the map below it (Bae et al., ECCV
        2020, as GenDisc/IVR computes it).
        ``ivr``: ReLU(M - P) / (max - P), where P is a value with the share ``percentile`` of the map below it (Kim et
        al., ICCV 2021).

    Raises
    ------
    MapError for infinite values, and for NaN under ``max`` and ``percentile``.
    """
    chosen = normalize_rules[rule]
    grid = np.asarray(values, np.float64)
    missing = bool(np.isnan(grid).any())
    if missing and chosen.nan_is_flat:
        return np.zeros_like(grid)
    if grid.size == 0 or missing or np.isinf(grid).any():
        raise MapError(f"a map of shape {grid.shape} is empty, or has NaN or infinite values; it can't be normalized")
    return chosen.function(grid, **options)


@normalize_rules.rule("none")
def _none(grid: Map) -> Map:
    return grid


def _minmax_into(grid: Map, levels: NDArray[np.uint8]) -> None:
    from wsol.localization.grey import minmax_levels  # numba, which takes half a second to import

    minmax_levels(grid, levels)


@normalize_rules.rule("minmax", reaches_one=True, nan_is_flat=True, floor_into=_minmax_into)
def _minmax(grid: Map) -> Map:
    return _over_max(grid - grid.min())


@normalize_rules.rule("percentile")
def _percentile(grid: Map, *, low: float = 1.0, high: float = 99.0) -> Map:
    if not 0 <= low < high <= 100:
        raise ConfigError(f"percentiles low={low:g}, high={high:g} can't be used; they need 0 <= low < high <= 100")
    return _minmax(np.clip(grid, *np.percentile(grid, (low, high))))


def _ascending(grid: Map, share: float) -> float:
    """The value at place floor(share n) of the n values in ascending order, counted from 0: no interpolation."""
    place = min(int(grid.size * share), grid.size - 1)
    return float(np.partition(grid, place, axis=None)[place])


@normalize_rules.rule("pas", reaches_one=True, nan_is_flat=True)
def _pas(grid: Map) -> Map:
    """PaS, percentile as a standard (Bae et al., ECCV 2020): the 90th percentile stands for the maximum.

    Read in GenDisc/IVR @ 475f887, inference.py: flat maps and NaN are zeros; the 90 % are fixed. Where nine tenths of
    the map are its minimum, the code divides by 0: infinite above the minimum, cut at 1, and not a number at it, which
    as a grey level is 0. So are they here: 1 and 0.
    """
    above = grid - grid.min()
    standard = _ascending(above, 0.9)
    return np.minimum(above / standard, 1.0) if standard > 0 else np.where(above > 0, 1.0, 0.0)


@normalize_rules.rule("ivr", knobs=("percentile",), reaches_one=True, nan_is_flat=True)
def _ivr(grid: Map, *, percentile: float = 0.45) -> Map:
    """IVR, normalization that ignores what lies below a percentile (Kim et al., ICCV 2021).

    Read in GenDisc/IVR @ 475f887, inference.py: flat maps and NaN are zeros. The paper chooses the percentile on the
    train-fullsup split (from memory, not checked); 0.45 is the default of the code's config.py. Where the value at the
    percentile is the maximum, the code divides 0 by 0; here the map is zeros.
    """
    return _over_max(np.maximum(grid - _ascending(grid, percentile), 0))


def uint8_by_max(values: ArrayLike) -> NDArray[np.uint8]:
    """LayerCAM's grey levels: 255 ReLU(M) / (max + 1e-8), truncated, all in float32 (PengtaoJiang/layercam_loc)."""
    cut = np.maximum(check_grid(values).astype(np.float32), np.float32(0))
    return np.asarray(cut / (cut.max() + np.float32(1e-8)) * np.float32(255)).astype(np.uint8)


@normalize_rules.rule("max", grey_levels=uint8_by_max)
def _max(grid: Map) -> Map:
    return _over_max(np.maximum(grid, 0))


def _over_max(grid: Map) -> Map:
    top = grid.max()
    return grid / top if top > 0 else grid


@dataclass(frozen=True, slots=True)
class OrderRule:
    """In which order a map is resized and normalized.

    Attributes
    ----------
    function : from a raw map, the resize and the normalization to the map at its final size.
    normalizes_last : the final map has the range of the normalization.
    """

    function: Callable[[Map, Step, Step], Map]
    normalizes_last: bool = False


order_rules: Rules[OrderRule] = Rules("order of resize and normalization", OrderRule)


@order_rules.rule("resize_first", normalizes_last=True)
def _resize_first(raw: Map, resized: Step, normalized: Step) -> Map:
    return normalized(resized(raw))


@order_rules.rule("normalise_first")
def _normalize_first(raw: Map, resized: Step, normalized: Step) -> Map:
    return resized(normalized(raw))


order_rules.alias("normalize_first", "normalise_first")  # rows and names of protocols keep the older spelling
