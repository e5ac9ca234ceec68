"""Ten families of textured backgrounds: a pattern each, and three muted colors it runs through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.shapes.canvas import fractal_noise, grid, step, triangle_wave, value_noise
from wsol.datasets.shapes.dice import Dice, lattice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.shapes.canvas import Color, Plane

# Dark, middle and light color of each family.
BACKGROUNDS: dict[str, tuple[Color, Color, Color]] = {
    "meadow": ((52, 74, 40), (96, 124, 62), (152, 168, 96)),
    "dunes": ((150, 122, 84), (190, 164, 118), (222, 204, 164)),
    "water": ((34, 72, 96), (62, 112, 136), (150, 188, 198)),
    "bricks": ((96, 60, 52), (146, 90, 74), (186, 164, 150)),
    "wood": ((86, 58, 36), (134, 94, 58), (172, 130, 86)),
    "marble": ((112, 112, 120), (176, 174, 176), (216, 214, 210)),
    "pebbles": ((56, 58, 66), (104, 106, 114), (160, 156, 152)),
    "tiles": ((72, 112, 108), (120, 152, 144), (186, 204, 192)),
    "contours": ((78, 64, 98), (126, 108, 146), (178, 162, 190)),
    "night": ((18, 20, 34), (36, 38, 60), (150, 152, 176)),
}
FAMILIES = tuple(BACKGROUNDS)


def background(family: str, width: int, height: int, dice: Dice, *, texture: float) -> NDArray[np.float64]:
    """(height, width, 3) colors in 0..255; `texture` scales the pattern's contrast, 0 leaves a soft gradient."""
    x, y = grid(0, 0, width, height)
    tone = _PATTERNS[family](x, y, dice.child("pattern"))
    if texture != 1.0:
        tone = np.clip(0.5 + (tone - 0.5) * texture, 0.0, 1.0)
    tints = dice.child("tints")
    gain = tints.between(0.88, 1.10)
    balance = [gain * tints.between(0.93, 1.07) for _ in range(3)]
    tilt_x, tilt_y = tints.between(-0.22, 0.22), tints.between(-0.16, 0.16)
    light = 1.0 + (x / width - 0.5) * tilt_x + (y / height - 0.5) * tilt_y
    dark, middle, bright = BACKGROUNDS[family]
    lower, upper = np.minimum(tone * 2.0, 1.0), np.maximum(tone * 2.0 - 1.0, 0.0)
    pixels = np.empty((height, width, 3))
    for c in range(3):
        ramp = dark[c] + lower * (middle[c] - dark[c]) + upper * (bright[c] - middle[c])
        pixels[:, :, c] = ramp * light * balance[c]
    return pixels


def _meadow(x: Plane, y: Plane, dice: Dice) -> Plane:
    width, height = x.size, y.size
    blades = fractal_noise(dice.bits(), width, height, dice.between(2.2, 3.4), dice.between(9.0, 14.0), 2)
    return 0.95 * blades + 0.5 * value_noise(dice.bits(), width, height, 40.0, 30.0) - 0.22


def _dunes(x: Plane, y: Plane, dice: Dice) -> Plane:
    warp = fractal_noise(dice.bits(), x.size, y.size, 48.0, 36.0, 2)
    cos, sin = dice.turn(0.4)
    ripples = triangle_wave((x * sin + y * cos) / dice.between(9.0, 15.0) + warp * 3.0)
    return 0.20 + 0.45 * ripples + 0.35 * value_noise(dice.bits(), x.size, y.size, 2.0, 2.0) * warp


def _water(x: Plane, y: Plane, dice: Dice) -> Plane:
    waves = fractal_noise(dice.bits(), x.size, y.size, dice.between(20.0, 32.0), dice.between(4.0, 6.5), 2)
    crests = 1.0 - abs(2.0 * waves - 1.0)
    return 0.15 + 0.40 * waves + 0.5 * crests * crests * crests


def _bricks(x: Plane, y: Plane, dice: Dice) -> Plane:
    long, tall = dice.between(20.0, 28.0), dice.between(9.0, 12.0)
    v = y / tall + dice.unit()
    row = np.floor(v)
    v = v - row
    u = x / long + 0.5 * (row - 2.0 * np.floor(row / 2.0)) + dice.unit()
    column = np.floor(u)
    u = u - column
    tones = lattice(dice.bits(), 64, 64)[row.astype(np.int64) % 64, column.astype(np.int64) % 64]
    seam = np.minimum(np.minimum(u, 1.0 - u) * long, np.minimum(v, 1.0 - v) * tall)
    face = step(seam, 1.0, 1.0)
    rough = value_noise(dice.bits(), x.size, y.size, 3.0, 3.0)
    return face * (0.12 + 0.42 * tones + 0.22 * rough) + (1.0 - face) * (0.75 + 0.2 * rough)


def _wood(x: Plane, y: Plane, dice: Dice) -> Plane:
    warp = fractal_noise(dice.bits(), x.size, y.size, 22.0, 90.0, 2)
    rings = triangle_wave(x / dice.between(26.0, 40.0) + warp * 5.0)
    fibre = value_noise(dice.bits(), x.size, y.size, 1.7, 24.0)
    return 0.12 + 0.5 * rings + 0.34 * fibre


def _marble(x: Plane, y: Plane, dice: Dice) -> Plane:
    warp = fractal_noise(dice.bits(), x.size, y.size, 40.0, 40.0, 4)
    cos, sin = dice.turn()
    veins = abs(2.0 * triangle_wave((x * cos + y * sin) / 90.0 + warp * 2.2) - 1.0)
    return 0.15 + 0.85 * (1.0 - (1.0 - veins) * (1.0 - veins)) * (0.55 + 0.5 * warp)


def _pebbles(x: Plane, y: Plane, dice: Dice) -> Plane:
    cell = dice.between(9.0, 13.0)
    jitter_x, jitter_y, tones = (lattice(dice.bits(), 32, 32) for _ in range(3))
    u, v = x / cell + 4.0, y / cell + 4.0
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    nearest = np.full((y.size, x.size), 9.0)
    second = nearest
    tone = np.zeros((y.size, x.size))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            where = (row + down) % 32, (column + right) % 32
            dx = u - (column + right) - 0.15 - 0.7 * jitter_x[where]
            dy = v - (row + down) - 0.15 - 0.7 * jitter_y[where]
            far = dx * dx + dy * dy
            closer = far < nearest
            second = np.minimum(second, np.maximum(far, nearest))
            tone = np.where(closer, tones[where], tone)
            nearest = np.minimum(far, nearest)
    gap = np.sqrt(second) - np.sqrt(nearest)
    return step(gap, 0.14, 0.2) * (0.25 + 0.6 * tone) + 0.2 * (0.5 - nearest)


def _tiles(x: Plane, y: Plane, dice: Dice) -> Plane:
    cell = dice.between(15.0, 22.0)
    cos, sin = dice.turn(0.45)
    u, v = (x * cos + y * sin) / cell + dice.unit(), (y * cos - x * sin) / cell + dice.unit()
    column, row = np.floor(u), np.floor(v)
    tones = lattice(dice.bits(), 32, 32)[row.astype(np.int64) % 32, column.astype(np.int64) % 32]
    u, v = u - column, v - row
    seam = np.minimum(np.minimum(u, 1.0 - u), np.minimum(v, 1.0 - v)) * cell
    face = step(seam, 0.9, 1.0)
    return face * (0.30 + 0.55 * tones + 0.15 * value_noise(dice.bits(), x.size, y.size, 5.0, 5.0))


def _contours(x: Plane, y: Plane, dice: Dice) -> Plane:
    height = fractal_noise(dice.bits(), x.size, y.size, 46.0, 46.0, 3) * dice.between(9.0, 13.0)
    level = np.floor(height)
    edge = np.minimum(height - level, 1.0 - (height - level))
    return (0.15 + 0.07 * level) * (0.55 + 0.45 * step(edge, 0.10, 0.12))


def _night(x: Plane, y: Plane, dice: Dice) -> Plane:
    glow = fractal_noise(dice.bits(), x.size, y.size, 56.0, 40.0, 3)
    cell = 8.0
    here = lattice(dice.bits(), 32, 32), lattice(dice.bits(), 32, 32), lattice(dice.bits(), 32, 32)
    column, row = np.floor(x / cell), np.floor(y / cell)
    where = row.astype(np.int64), column.astype(np.int64)
    dx = x / cell - column - 0.25 - 0.5 * here[0][where]
    dy = y / cell - row - 0.25 - 0.5 * here[1][where]
    size = np.maximum(here[2][where] - 0.45, 0.0) * 0.32
    stars = np.clip(1.0 - np.sqrt(dx * dx + dy * dy) / (size + 1e-3), 0.0, 1.0)
    return 0.75 * (glow * glow) * 1.2 + 1.4 * stars


_PATTERNS = {
    "meadow": _meadow,
    "dunes": _dunes,
    "water": _water,
    "bricks": _bricks,
    "wood": _wood,
    "marble": _marble,
    "pebbles": _pebbles,
    "tiles": _tiles,
    "contours": _contours,
    "night": _night,
}
