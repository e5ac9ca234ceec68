"""The boxes of a map at every threshold at once.

A map becomes integer ranks (`quantise` for the 255 levels of the published protocols, `rank` for every distinct float),
and `sweep` turns ranks into boxes with the range of thresholds for which each one stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsol.boxes import trees
from wsol.boxes.compiled import Ints
from wsol.boxes.flood import fill_holes
from wsol.boxes.intervals import winners
from wsol.errors import ConfigError, MapError, unknown

Component = Literal["largest_polygon", "largest_pixels", "largest_rect", "all", "all_with_holes"]
Compare = Literal["gt", "ge"]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Boxes and the integer thresholds at which they stand.

    Attributes
    ----------
    boxes : (m, 4) int32, x0, y0, x1, y1 in pixels, half-open: x1 and y1 are one past the last pixel.
    lo, hi : (m,) int32; box i is a box of {rank > t} for every integer t with lo[i] <= t < hi[i].
    """

    boxes: Ints
    lo: Ints
    hi: Ints

    def at(self, t: int) -> Ints:
        """Boxes (k, 4) of {rank > t}; k = 0 where nothing is above t."""
        return self.boxes[(self.lo <= t) & (t < self.hi)]


def sweep(ranks: NDArray[Any], *, levels: int, component: Component, connectivity: Literal[4, 8] = 8) -> Sweep:
    """Boxes of the components of {ranks > t} for every t in 0..levels-1, without thresholding once.

    Parameters
    ----------
    ranks : (H, W) integers in 0..levels-1.
    component :
        ``largest_polygon``: of largest polygon area through pixel centres, holes filled, so lines have area 0; ties:
        the component whose first pixel in raster order comes last, which is the first contour OpenCV lists (Choe et
        al., 2020).
        ``largest_rect``: of largest bounding rectangle; same ties (LayerCAM's script).
        ``largest_pixels``: of most pixels; ties: first pixel in raster order comes first.
        ``all``: every component. ``all_with_holes``: also every hole contour, as OpenCV's contour tree has them; its
        box is the hole's, grown by one pixel on each side, because the contour runs over the pixels around the hole.
    connectivity : 4 is known to ``largest_pixels`` and ``all`` only. The background of 8 is 4-connected.

    Returns
    -------
    For ``largest_*`` the intervals are disjoint, ascending and maximal. For ``all*`` they overlap: at
    each t every component and hole appears exactly once. Thresholds with empty foreground are in no interval.

    Raises
    ------
    MapError for ranks that are not integers in 0..levels-1 on a grid, ConfigError for a component rule
    that isn't there.
    """
    ranks = _checked(ranks, levels)
    if component not in get_args(Component):
        raise unknown("component rule", component, get_args(Component), error=ConfigError)
    if connectivity not in (4, 8):
        raise ConfigError(f"connectivity={connectivity!r} does not exist; use 8 or 4")
    if connectivity == 4 and component not in ("largest_pixels", "all"):
        raise ConfigError(f"component={component!r} needs connectivity=8; with 4 use 'largest_pixels' or 'all'")
    if component == "largest_polygon":
        # a component inside another's hole is smaller than that one, so only outermost ones win: filling the holes
        # changes no winner, and makes the area a sum over 2x2 squares
        ranks = fill_holes(ranks, levels)
    rows = trees.component_rows(ranks, levels, connectivity)
    if component == "all_with_holes":
        rows = np.concatenate([rows, _hole_rows(ranks, levels)])
    if component in ("all", "all_with_holes"):
        return Sweep(_half_open(rows), rows[:, trees.LO].copy(), rows[:, trees.HI].copy())
    return _best(rows, component, levels)


def quantise(map01: ArrayLike) -> Ints:
    """floor(255 map) as ranks 0..255 (levels = 256), in float64 (clovaai/wsolevaluation; protocols.md 4.1).

    A threshold tau of the 2020 protocol is t = floor(tau * ranks.max()), whose foreground is {ranks > t}.
    Raises MapError where the map leaves [0, 1].
    """
    values = np.asarray(map01, np.float64)
    if not (values.size and values.min() >= 0 and values.max() <= 1):
        raise MapError(f"a map to quantise must be within [0, 1], this one {_span(values)}; normalise it first")
    return np.floor(255 * values).astype(np.int32)


def rank(values: ArrayLike) -> tuple[Ints, NDArray[np.float64]]:
    """Ranks 1..L of a float map and its L distinct values, ascending; sweep them with levels = L + 1.

    {ranks > t} is {map >= values[t]} for t = 0..L-1 and empty for t = L. A threshold tau is the index `threshold_index`
    says. Raises MapError for a map with NaN.
    """
    flat = np.asarray(values, np.float64)
    if flat.size == 0 or np.isnan(flat).any():
        raise MapError(f"a map to rank must hold numbers only, this one {_span(flat)}")
    distinct, index = np.unique(flat, return_inverse=True)
    return (index.reshape(flat.shape) + 1).astype(np.int32), distinct


def threshold_index(values: NDArray[np.float64], tau: ArrayLike, *, compare: Compare) -> NDArray[np.int64]:
    """The t of `rank` for thresholds tau: {ranks > t} is {map > tau} (``gt``) or {map >= tau} (``ge``)."""
    return np.asarray(np.searchsorted(values, tau, side="right" if compare == "gt" else "left"), np.int64)


def threshold_starts(values: NDArray[np.float64], *, compare: Compare) -> NDArray[np.float64]:
    """(L + 1,): the smallest tau >= 0 that each t of `rank` stands for; equal neighbours stand for no tau at all.

    With ``ge`` index t starts just after values[t-1]: at the next float, so that step functions stay closed on the
    left.
    """
    starts = values if compare == "gt" else np.nextafter(values, np.inf)
    return np.concatenate([[0.0], np.maximum(starts, 0.0)])


def _sizes(rows: Ints, component: Component) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What the rule compares, and what breaks its ties; more wins."""
    first = rows[:, trees.FIRST].astype(np.int64)
    if component == "largest_pixels":
        return rows[:, trees.PIXELS].astype(np.int64), -first
    if component == "largest_polygon":
        return rows[:, trees.HALVES].astype(np.int64), first
    wide = rows[:, trees.X1] - rows[:, trees.X0] + np.int64(1)
    return wide * (rows[:, trees.Y1] - rows[:, trees.Y0] + 1), first


def _best(rows: Ints, component: Component, levels: int) -> Sweep:
    size, tie = _sizes(rows, component)
    # components only grow as t falls, so one that is beaten where it first stands is beaten as long as it stands
    most = np.zeros(levels, np.int64)
    np.maximum.at(most, rows[:, trees.HI] - 1, size)
    most = np.maximum.accumulate(most[::-1])[::-1]
    kept = size == most[rows[:, trees.HI] - 1]
    rows, size, tie = rows[kept], size[kept], tie[kept]

    stands = int(rows[:, trees.HI].max(initial=0))  # from here up the foreground is empty, below it never is
    order = np.lexsort((-tie, -size))
    lo, hi = (np.ascontiguousarray(rows[:, column]) for column in (trees.LO, trees.HI))
    boxes = _half_open(rows)[winners(order, lo, hi, levels)[:stands]]
    new = np.ones(stands, bool)
    new[1:] = (boxes[1:] != boxes[:-1]).any(1)
    starts = np.flatnonzero(new).astype(np.int32)
    return Sweep(boxes[new], starts, np.append(starts, np.int32(stands))[1:])


def _hole_rows(ranks: Ints, levels: int) -> Ints:
    height, width = ranks.shape
    rows = trees.component_rows((levels - 1 - ranks).astype(np.int32), levels, 4)
    x0, y0, x1, y1 = rows[:, : trees.LO].T
    rows = rows[(x0 > 0) & (y0 > 0) & (x1 < width - 1) & (y1 < height - 1)]  # what touches the border is no hole
    # {ranks <= t} is {levels - 1 - ranks > levels - 2 - t}
    rows[:, [trees.LO, trees.HI]] = levels - 1 - rows[:, [trees.HI, trees.LO]]
    rows[:, : trees.LO] += np.array([-1, -1, 1, 1], np.int32)
    return np.asarray(rows)


def _half_open(rows: Ints) -> Ints:
    boxes: Ints = rows[:, : trees.LO] + np.array([0, 0, 1, 1], np.int32)
    return boxes


def _checked(ranks: NDArray[Any], levels: int) -> Ints:
    ranks = np.asarray(ranks)
    if ranks.ndim != 2 or ranks.size == 0:
        raise MapError(f"ranks must be a (H, W) grid, not shape {ranks.shape}")
    if ranks.dtype.kind not in "iu":
        raise MapError(f"ranks must be integers, not {ranks.dtype}; use quantise() or rank() on a score map")
    low, high = int(ranks.min()), int(ranks.max())
    if low < 0 or high >= levels:
        raise MapError(f"ranks must be within 0..{levels - 1} (levels={levels}), these span {low}..{high}")
    return np.array(ranks, np.int32, order="C")  # a copy: numba compiles again for read-only arrays


def _span(values: NDArray[np.float64]) -> str:
    if values.size == 0:
        return "is empty"
    if np.isnan(values).any():
        return f"has {int(np.isnan(values).sum())} NaN"
    return f"spans {values.min():g}..{values.max():g}"
