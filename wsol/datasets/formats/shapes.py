"""The embedded dataset: drawn images with exact boxes and masks, made to show how localization fails.

The class of an image is a small sign on a large body, and nothing else: a map that finds only the sign, as
discriminative maps do, gets a bad box. Bodies, distractors, textures and places know nothing of the class; the
background does, as often as `background_correlation` says.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.datasets.base import Dataset, Sample, dataset
from wsol.datasets.shapes.dice import Dice
from wsol.datasets.shapes.glyphs import GLYPHS
from wsol.datasets.shapes.scene import Recipe, Scene, paint_scene, plan_scene
from wsol.errors import ConfigError, DataError, unknown
from wsol.options import Count, option

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

CHOOSING = ("limit", "classes", "size", "size_rule")  # options that choose among drawn images
DRAWING_VERSION = 1  # raise it with every change of a pixel, a box or a label: it is part of the fingerprint
SPLIT_SIZES = {"train": 6000, "val": 1000, "test": 1000}
RANGES = {
    "background_correlation": (0.0, 1.0),
    "part_scale": (0.1, 0.6),
    "two_instances": (0.0, 1.0),
    "distractors": (0.0, 20.0),
    "texture": (0.0, 2.0),
}


@dataset("shapes")
class Shapes(Dataset):
    """Drawn objects whose class is decided by a small sign on a class-neutral body.

    An image is a pure function of the options, the split and its index. Each decision has its own random stream, so
    changing one option leaves the rest of every image as it was.
    """

    seed: int = option(0, help="another seed is another data set of the same kind")
    split: str = option("test", help="train, val or test; they share no image")
    n: Count | None = option(None, help="number of images, the first of the split; null for all: 6000, 1000 and 1000")
    background_correlation: float = option(
        0.5, help="share of images on the background of their class, 0 to 1; 0.1 is chance"
    )
    part_scale: float = option(0.25, help="side of the sign over the longer side of the body, 0.1 to 0.6")
    two_instances: float = option(0.2, help="share of images with two objects of the class, 0 to 1")
    distractors: float = option(3.0, help="mean number of bodies without a sign, 0 to 20")
    scales: tuple[float, float] = option(
        (0.3, 0.9), help="least and greatest longer side of a body over the image's shorter side, within 0.2 to 0.95"
    )
    texture: float = option(
        1.0, help="contrast of the patterns on backgrounds and bodies, 0 (flat) to 2; 1 is as designed"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.split not in SPLIT_SIZES:
            raise unknown("split of shapes", self.split, SPLIT_SIZES, error=ConfigError)
        if self.n is not None and self.n < 1:
            raise ConfigError(
                f"dataset.n={self.n} leaves no image: give 1 or more, or null for the {self.split} split's size"
            )
        if self.seed < 0:
            raise ConfigError(f"dataset.seed={self.seed} is negative: give 0 or more")
        for name, (low, high) in RANGES.items():
            value = float(getattr(self, name))
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(f"dataset.{name}={value:g} is outside {low:g} to {high:g}")
            object.__setattr__(self, name, value)  # 3 and 3.0 are the same option, in the fingerprint too
        scales = tuple(float(scale) for scale in self.scales)
        if len(scales) != 2 or not 0.2 <= scales[0] <= scales[1] <= 0.95:
            raise ConfigError(f"dataset.scales={list(scales)} must be [least, greatest] within 0.2 and 0.95")
        object.__setattr__(self, "scales", scales)  # configuration files give lists

    @property
    def num_classes(self) -> int:
        """How many classes a network must know: all are drawn in every split."""
        return len(self.class_names)

    @property
    def class_names(self) -> Sequence[str]:
        return GLYPHS

    def image(self, sample: Sample) -> Image:
        import PIL.Image

        return PIL.Image.fromarray(paint_scene(self.scene(sample), self._recipe))

    def mask(self, sample: Sample) -> NDArray[np.uint8]:
        return self.scene(sample).mask()

    def fingerprint(self) -> str:
        if self.classes is None and self.size is None:
            return self._hash(self._size)
        size = self.size and (self.size, self.size_rule)
        return self._hash(self._size, classes=self.classes, size=size, limit=self.limit)

    def stamp(self, sample: Sample) -> str:
        return self._drawing

    @cached_property
    def _drawing(self) -> str:
        return self._hash(None)

    def _hash(self, count: int | None, **more: Any) -> str:
        """Of the options that images are drawn by and, where given, of their number and what is chosen of them."""
        options = {k: v for k, v in asdict(self).items() if k not in CHOOSING} | {
            "n": count,
            "drawing": DRAWING_VERSION,
        }
        options |= more
        return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:16]

    def scene(self, sample: Sample) -> Scene:
        """What is in the image: background family, bodies and their places. Raises DataError for a foreign sample."""
        split, _, index = sample.image_id.partition("/")
        if split != self.split or not index.isdecimal() or int(index) >= self._size:
            raise DataError(f"{sample.image_id!r} is not one of the {self._size} images of shapes' {self.split} split")
        return self._scene(int(index))

    @property
    def _size(self) -> int:
        size = SPLIT_SIZES[self.split] if self.n is None else self.n
        return size if self.at_most is None else min(size, self.at_most)

    @cached_property
    def _recipe(self) -> Recipe:
        return Recipe(
            background_correlation=self.background_correlation,
            part_scale=self.part_scale,
            two_instances=self.two_instances,
            distractors=self.distractors,
            scales=self.scales,
            texture=self.texture,
        )

    def read(self) -> Sequence[Sample]:
        digits = max(5, len(str(self._size - 1)))  # sorted by id is sorted by index
        samples = []
        for index in range(self._size):
            scene = self._scene(index)
            boxes = np.array([body.box_xyxy for body in scene.bodies], np.float64)
            samples.append(Sample(f"{self.split}/{index:0{digits}d}", scene.label, boxes, scene.size_wh))
        return samples

    def _scene(self, index: int) -> Scene:
        split = Dice("shapes", self.seed, self.split)
        block, place = divmod(index, len(GLYPHS))  # every ten images hold every class once, in an order of their own
        label = split.child("labels", block).order(len(GLYPHS))[place]
        return plan_scene(split.child("image", index), label, self._recipe)
