"""How a body is painted: two colors in a pattern, rounded shading, an outline, a shadow; and the sign it may carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.shapes.canvas import coverage, grid, hue, paint, step, triangle_wave, value_noise
from wsol.datasets.shapes.glyphs import glyph_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.shapes.bodies import Body
    from wsol.datasets.shapes.canvas import Color, Plane
    from wsol.datasets.shapes.dice import Dice

SKINS = ("plain", "stripes", "spots", "blotches", "bands", "speckles")
PAPER: Color = (247.0, 244.0, 232.0)
INK: Color = (22.0, 20.0, 28.0)
CONTRASTS = (0.3, 1.0)  # of a sign: 1 is paper or ink, 0 the body's own color


def paint_body(pixels: NDArray[np.float64], body: Body, dice: Dice, *, texture: float) -> Color:
    """Paint a body over (H, W, 3) pixels and return its mean color (of the two it has)."""
    first, second = _colors(dice.child("colours"))
    x, y = grid(body.left, body.top, body.distance.shape[1], body.distance.shape[0])
    pattern = np.clip(0.5 + (_pattern(body, x, y, dice.child("skin")) - 0.5) * texture, 0.0, 1.0)
    depth = np.clip(-body.distance / (0.22 * body.size), 0.0, 1.0)
    height, width = body.distance.shape
    # Light falls from the top left.
    lit = 1.0 + 0.10 * ((body.left + 0.5 * width - x) + (body.top + 0.5 * height - y)) / body.size
    shade = (0.74 + 0.30 * depth * (2.0 - depth)) * lit
    rim = 0.45 + 0.55 * step(-body.distance, 1.2, 1.4)  # a dark outline, so that any body shows on any ground
    colors = np.empty((height, width, 3))
    for c in range(3):
        colors[:, :, c] = np.clip((first[c] + (second[c] - first[c]) * pattern) * shade * rim, 0.0, 255.0)
    shadow = np.clip(0.5 - (body.distance - 2.0) / 6.0, 0.0, 1.0) * 0.42
    paint(pixels, body.left + 2, body.top + 3, shadow, (0.0, 0.0, 0.0))
    paint(pixels, body.left, body.top, coverage(body.distance), colors)
    return 0.5 * (first[0] + second[0]), 0.5 * (first[1] + second[1]), 0.5 * (first[2] + second[2])


def paint_glyph(
    pixels: NDArray[np.float64], body: Body, under: Color, glyph: str, dice: Dice, *, part_scale: float
) -> tuple[float, float, float]:
    """Paint the sign that decides the class on a body and return its place: center x, y and half size in pixels.

    Its side is `part_scale` times the body's longer side; where it lies on the body is random. It is light on a dark
    body and dark on a light one, from clear to faint, with a thin halo of the other.
    """
    half = 0.5 * part_scale * body.size
    center_x, center_y = _place(body, half, dice.child("place"))
    reach = int(np.floor(half * 1.5)) + 3
    left, top = int(np.floor(center_x)) - reach, int(np.floor(center_y)) - reach
    x, y = grid(left, top, 2 * reach, 2 * reach)
    turn = dice.child("turn")
    cos, sin = turn.turn(0.12)  # within 14 degrees: a diamond must not become a square
    mirror = -1.0 if turn.below(2) else 1.0
    u, v = ((x - center_x) * cos + (y - center_y) * sin) / half, ((y - center_y) * cos - (x - center_x) * sin) / half
    distance = glyph_distance(glyph, u * mirror, v) * half
    light = 0.30 * under[0] + 0.59 * under[1] + 0.11 * under[2] < 128.0
    front, back = (PAPER, INK) if light else (INK, PAPER)
    clear = dice.child("contrast").between(*CONTRASTS)
    worn = (
        under[0] + (front[0] - under[0]) * clear,
        under[1] + (front[1] - under[1]) * clear,
        under[2] + (front[2] - under[2]) * clear,
    )
    inside = _window(coverage(body.distance + 0.5), left - body.left, top - body.top, 2 * reach, 2 * reach)
    halo = np.clip(0.5 - (distance - 0.08 * half - 0.4), 0.0, 1.0) * (0.75 * clear)
    paint(pixels, left, top, halo * inside, back)
    paint(pixels, left, top, coverage(distance) * inside, worn)
    return center_x, center_y, half


def _colors(dice: Dice) -> tuple[Color, Color]:
    """Two colors that differ in lightness, both more vivid than any background."""
    turn = dice.unit()
    bright = dice.below(2) == 1
    value = dice.between(0.80, 0.98) if bright else dice.between(0.38, 0.58)
    saturation = dice.between(0.45, 0.85)
    other_value = value - dice.between(0.14, 0.26) if bright else value + dice.between(0.10, 0.22)
    other_turn = turn + dice.between(-0.10, 0.10)
    return hue(turn, saturation, value), hue(other_turn, saturation * dice.between(0.6, 1.1), other_value)


def _pattern(body: Body, x: Plane, y: Plane, dice: Dice) -> Plane:
    """Where the second color is, in [0, 1]."""
    kind = SKINS[dice.below(len(SKINS))]
    width, height = x.size, y.size
    period = max(body.size * dice.between(0.12, 0.2), 5.0)
    cos, sin = dice.turn()
    if kind == "stripes":
        return step(triangle_wave((x * cos + y * sin) / period), 0.5, 0.35)
    if kind == "spots":
        u, v = (x * cos + y * sin) / period, (y * cos - x * sin) / period
        u, v = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
        return step(-np.sqrt(u * u + v * v), -0.3, 0.2)
    if kind == "blotches":
        return step(value_noise(dice.bits(), width, height, period * 1.2, period * 1.2), 0.5, 0.15)
    if kind == "bands":
        return step(triangle_wave(body.distance / (period * 1.1)), 0.5, 0.35)
    if kind == "speckles":
        return value_noise(dice.bits(), width, height, 2.3, 2.3)
    return np.full((height, width), 0.35) + 0.3 * value_noise(dice.bits(), width, height, period * 3.0, period * 3.0)


def _place(body: Body, half: float, dice: Dice) -> tuple[float, float]:
    """A random place where a sign of this half size lies wholly on the body, or the deepest place where none is."""
    limit = -0.95 * half - 1.5
    rows, columns = np.nonzero(body.distance < limit)
    if len(rows) == 0:
        flat = int(body.distance.argmin())
        row, column = divmod(flat, body.distance.shape[1])
    else:
        chosen = dice.below(len(rows))
        row, column = int(rows[chosen]), int(columns[chosen])
    return body.left + column + 0.5, body.top + row + 0.5


def _window(plane: Plane, left: int, top: int, width: int, height: int) -> Plane:
    """A window of a plane; 0 beyond it."""
    out = np.zeros((height, width))
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, plane.shape[1]), min(top + height, plane.shape[0])
    if x0 < x1 and y0 < y1:
        out[y0 - top : y1 - top, x0 - left : x1 - left] = plane[y0:y1, x0:x1]
    return out
