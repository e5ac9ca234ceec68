"""One picture: which things are in it, and its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.shapes.backgrounds import FAMILIES, background
from wsol.datasets.shapes.bodies import Body, make_body
from wsol.datasets.shapes.dice import Dice, lattice
from wsol.datasets.shapes.glyphs import GLYPHS
from wsol.datasets.shapes.skins import paint_body, paint_glyph

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES_WH = ((160, 128), (128, 160), (144, 144))
BORDER = 3.0  # pixels between a body and the image's edge
DISTRACTOR_SCALES = (0.14, 0.40)  # longer side over the image's shorter side


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What decides a picture beside its name; see `wsol.datasets.formats.shapes.Shapes` for the meaning of each."""

    background_correlation: float
    part_scale: float
    two_instances: float
    distractors: float
    scales: tuple[float, float]
    texture: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What is in a picture, before it is painted.

    Attributes
    ----------
    dice : names all its decisions.
    label : class index.
    size_wh : width and height in pixels.
    family : of the background.
    bodies : the one or two objects, each with its distance field.
    """

    dice: Dice
    label: int
    size_wh: tuple[int, int]
    family: str
    bodies: tuple[Body, ...]

    def mask(self) -> NDArray[np.uint8]:
        """(H, W) uint8, 1 on the objects."""
        mask = np.zeros(self.size_wh[::-1], np.uint8)
        for body in self.bodies:
            body.mark(mask)
        return mask


def plan_scene(dice: Dice, label: int, recipe: Recipe) -> Scene:
    """Decide what is in the picture named by `dice`."""
    size_wh = SIZES_WH[dice.child("size").below(len(SIZES_WH))]
    return Scene(dice, label, size_wh, _family(dice.child("family"), label, recipe), _bodies(dice, size_wh, recipe))


def paint_scene(scene: Scene, recipe: Recipe) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 pixels."""
    width, height = scene.size_wh
    dice = scene.dice
    pixels = background(scene.family, width, height, dice.child("background"), texture=recipe.texture)
    for body, skin in _distractors(dice.child("distractors"), scene.size_wh, recipe.distractors):
        paint_body(pixels, body, skin, texture=recipe.texture)
    for i, body in enumerate(scene.bodies):
        color = paint_body(pixels, body, dice.child("skin", i), texture=recipe.texture)
        paint_glyph(pixels, body, color, GLYPHS[scene.label], dice.child("glyph", i), part_scale=recipe.part_scale)
    grain = lattice(dice.child("grain").bits(), height, width)
    pixels += ((grain - 0.5) * (10.0 * recipe.texture))[:, :, None]
    return np.floor(np.clip(pixels, 0.0, 255.0) + 0.5).astype(np.uint8)


def _family(dice: Dice, label: int, recipe: Recipe) -> str:
    """The class's own background, or one of the nine others."""
    if dice.unit() < recipe.background_correlation:
        return FAMILIES[label]
    return FAMILIES[(label + 1 + dice.below(len(FAMILIES) - 1)) % len(FAMILIES)]


def _bodies(dice: Dice, size_wh: tuple[int, int], recipe: Recipe) -> tuple[Body, ...]:
    width, height = size_wh
    rooms = [(BORDER, BORDER, width - BORDER, height - BORDER)]
    number = dice.child("instances")
    if number.unit() < recipe.two_instances:
        # Each has a side of the image to itself, cut across its longer side, so that boxes never meet.
        cut = number.between(0.42, 0.58)
        if width > height or (width == height and number.below(2)):
            cut = float(int(width * cut))
            rooms = [(BORDER, BORDER, cut, height - BORDER), (cut + BORDER, BORDER, width - BORDER, height - BORDER)]
        else:
            cut = float(int(height * cut))
            rooms = [(BORDER, BORDER, width - BORDER, cut), (BORDER, cut + BORDER, width - BORDER, height - BORDER)]
    bodies = []
    for i, room in enumerate(rooms):
        body_dice = dice.child("body", i)
        bodies.append(make_body(body_dice, body_dice.between(*recipe.scales) * min(size_wh), room))
    return tuple(bodies)


def _distractors(dice: Dice, size_wh: tuple[int, int], mean: float) -> list[tuple[Body, Dice]]:
    """Bodies without a sign, painted behind the objects; their number is uniform on 0..2*mean."""
    width, height = size_wh
    found = []
    for i in range(int(dice.unit() + dice.unit() * 2.0 * mean)):
        own = dice.child(i)
        size = own.between(*DISTRACTOR_SCALES) * min(size_wh)
        out = 0.3 * size  # they may leave the image by a bit
        found.append((make_body(own, size, (-out, -out, width + out, height + out)), own.child("skin")))
    return found
