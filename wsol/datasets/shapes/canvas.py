"""Pixels: noise, distances to strokes, and paint with soft edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.shapes.dice import lattice, mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Plane = NDArray[np.float64]  # (H, W), or broadcastable to it
    Color = tuple[float, float, float]  # red, green, blue in 0..255


def grid(left: int, top: int, width: int, height: int) -> tuple[Plane, Plane]:
    """Pixel centers of a window as x (1, width) and y (height, 1), in pixels of the image."""
    x = np.arange(left, left + width, dtype=np.float64) + 0.5
    y = np.arange(top, top + height, dtype=np.float64) + 0.5
    return x[None, :], y[:, None]


def value_noise(key: int, width: int, height: int, cell_x: float, cell_y: float) -> Plane:
    """(height, width) smooth noise in [0, 1]: random values on a `cell_x` by `cell_y` lattice, blended between."""
    x, column = _blend(width, cell_x)
    y, row = _blend(height, cell_y)
    knots = lattice(key, int(row[-1]) + 2, int(column[-1]) + 2)
    across = knots[:, column] + (knots[:, column + 1] - knots[:, column]) * x[None, :]
    upper = across[row]
    return upper + (across[row + 1] - upper) * y[:, None]


def fractal_noise(key: int, width: int, height: int, cell_x: float, cell_y: float, octaves: int = 3) -> Plane:
    """(height, width) noise in [0, 1]: octaves of `value_noise`, each of half the cell and half the weight."""
    total = value_noise(key, width, height, cell_x, cell_y)
    weight, weights = 1.0, 1.0
    for octave in range(1, octaves):
        weight *= 0.5
        weights += weight
        finer = value_noise(mix(key + octave), width, height, cell_x / (1 << octave), cell_y / (1 << octave))
        total = total + finer * weight
    return total / weights


def triangle_wave(t: Plane) -> Plane:
    """Period 1, 0 at the integers, 1 half-way between."""
    return 1.0 - abs(2.0 * (t - np.floor(t)) - 1.0)


def step(t: Plane, edge: float, softness: float) -> Plane:
    """0 below `edge`, 1 above, a straight ramp of width `softness` between."""
    return np.clip((t - edge) / softness + 0.5, 0.0, 1.0)


def stroke_distance(x: Plane, y: Plane, a: Sequence[float], b: Sequence[float]) -> Plane:
    """Signed distance (negative inside) to the stroke from `a` to `b`, each (x, y, radius)."""
    (ax, ay, ar), (bx, by, br) = a, b
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    if square == 0.0:
        return np.sqrt((x - ax) * (x - ax) + (y - ay) * (y - ay)) - max(ar, br)
    along = np.clip((x - ax) * (dx / square) + (y - ay) * (dy / square), 0.0, 1.0)
    across_x = (x - ax) - along * dx
    across_y = (y - ay) - along * dy
    return np.sqrt(across_x * across_x + across_y * across_y) - (ar + (br - ar) * along)


def polygon_distance(x: Plane, y: Plane, corners: Sequence[Sequence[float]]) -> Plane:
    """Distance-like field of a convex polygon: negative inside, exact at the edges; corners clockwise on screen."""
    inside: Plane | None = None
    for (ax, ay, *_), (bx, by, *_) in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = float(np.sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay)))
        side = (x - ax) * ((by - ay) / length) - (y - ay) * ((bx - ax) / length)
        inside = side if inside is None else np.maximum(inside, side)
    assert inside is not None
    return inside


def smooth_union(a: Plane, b: Plane, width: float) -> Plane:
    """The smaller of two distances, with the crease filled over `width` pixels (quadratic smooth minimum)."""
    overlap = np.maximum(width - abs(a - b), 0.0)
    return np.minimum(a, b) - overlap * overlap * (0.25 / width)


def coverage(distance: Plane) -> Plane:
    """How much of each pixel lies inside, from the signed distance of its center."""
    return np.clip(0.5 - distance, 0.0, 1.0)


def paint(pixels: NDArray[np.float64], left: int, top: int, alpha: Plane, color: NDArray[np.float64] | Color) -> None:
    """Lay a color, or (h, w, 3) of them, over (H, W, 3) `pixels` with `alpha` (h, w) in [0, 1]; cut at the image."""
    height, width = alpha.shape
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, pixels.shape[1]), min(top + height, pixels.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    paint_array = np.asarray(color, dtype=np.float64)
    if paint_array.ndim == 3:
        paint_array = paint_array[inner]
    under = pixels[y0:y1, x0:x1]
    under += (paint_array - under) * alpha[inner][:, :, None]


def hue(turn: float, saturation: float, value: float) -> Color:
    """HSV, each in [0, 1], to red, green, blue in 0..255."""
    sector = (turn - float(np.floor(turn))) * 6.0

    def channel(shift: float) -> float:
        k = (shift + sector) % 6.0
        return 255.0 * value * (1.0 - saturation * max(0.0, min(k, 4.0 - k, 1.0)))

    return channel(5.0), channel(3.0), channel(1.0)


def _blend(size: int, cell: float) -> tuple[Plane, NDArray[np.int64]]:
    at = np.arange(size) / cell
    knot = np.floor(at)
    t = at - knot
    return t * t * (3.0 - 2.0 * t), knot.astype(np.int64)
