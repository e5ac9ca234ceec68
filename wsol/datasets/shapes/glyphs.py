"""The ten small signs that alone decide the class, as signed distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.shapes.canvas import polygon_distance, stroke_distance

if TYPE_CHECKING:
    from wsol.datasets.shapes.canvas import Plane

# A mirrored sign keeps its class, so flipped views do too; and none turns into another within 15 degrees.
GLYPHS = ("cross", "saltire", "ring", "disc", "square", "triangle", "bars", "chevron", "diamond", "checker")


def glyph_distance(name: str, x: Plane, y: Plane) -> Plane:
    """Signed distance to the glyph in units of its half size; `x`, `y` in the same units, y down."""
    if name == "cross":
        return np.minimum(_box(x, y, 0.95, 0.27), _box(x, y, 0.27, 0.95))
    if name == "saltire":
        down = stroke_distance(x, y, (-0.72, -0.72, 0.24), (0.72, 0.72, 0.24))
        return np.minimum(down, stroke_distance(x, y, (-0.72, 0.72, 0.24), (0.72, -0.72, 0.24)))
    if name == "ring":
        return abs(_radius(x, y) - 0.70) - 0.24
    if name == "disc":
        return _radius(x, y) - 0.82
    if name == "square":
        return _box(x, y, 0.82, 0.82)
    if name == "triangle":
        return polygon_distance(x, y, ((0.0, -0.98), (1.0, 0.85), (-1.0, 0.85)))
    if name == "bars":
        return np.minimum(_box(x, y + 0.56, 0.92, 0.28), _box(x, y - 0.56, 0.92, 0.28))
    if name == "chevron":
        left = stroke_distance(x, y, (-0.74, 0.48, 0.24), (0.0, -0.48, 0.24))
        return np.minimum(left, stroke_distance(x, y, (0.0, -0.48, 0.24), (0.74, 0.48, 0.24)))
    if name == "diamond":
        return (abs(x) + abs(y) - 1.05) * 0.7071067811865476
    if name == "checker":
        return np.minimum(_box(x + 0.47, y + 0.47, 0.45, 0.45), _box(x - 0.47, y - 0.47, 0.45, 0.45))
    raise LookupError(f"no glyph is called {name!r}")


def _box(x: Plane, y: Plane, half_width: float, half_height: float) -> Plane:
    return np.maximum(abs(x) - half_width, abs(y) - half_height)


def _radius(x: Plane, y: Plane) -> Plane:
    return np.sqrt(x * x + y * y)
