"""Parts of a dataset that options choose: some of its classes, or objects of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from wsol.datasets.sample import Sample
from wsol.errors import ConfigError, DataError, unknown

Size = Literal["small", "medium", "large"]
SIZES: tuple[Size, ...] = ("small", "medium", "large")
# lower bounds of medium and large
COCO = (32.0**2, 96.0**2)  # pixels: pycocotools' areaRng; the lower bound belongs to the larger size
SHARE = (1 / 9, 1 / 4)  # of the image: a third and half of its side


class Part(Protocol):
    """Which samples are evaluated, and how a table says it."""

    @property
    def note(self) -> str:
        """One sentence."""

    def of(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """The samples that belong to it, in their order. Raises WsolError where there is none."""


@dataclass(frozen=True, slots=True)
class OfClasses:
    """The samples of some classes, given by names or class indices; `class_names` are the dataset's."""

    classes: Sequence[str | int]
    class_names: Sequence[str]

    @property
    def note(self) -> str:
        return f"Only classes {', '.join(map(str, self.classes))}."

    def of(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        there = {sample.label for sample in samples}
        labels = {self._label(c, there) for c in self.classes}
        return tuple(sample for sample in samples if sample.label in labels)

    def _label(self, wanted: str | int, there: set[int]) -> int:
        if isinstance(wanted, int):
            if wanted not in there:
                raise ConfigError(f"dataset.classes: no image has the class index {wanted}; there are {_span(there)}")
            return wanted
        names = {self.class_names[label]: label for label in sorted(there) if label < len(self.class_names)}
        if not names:
            raise ConfigError(
                f"dataset.classes: the classes of this data set are numbers, not names such as {wanted!r}; "
                f"there are {_span(there)}"
            )
        if wanted not in names:
            raise unknown("class of this data set called", wanted, names, error=ConfigError)
        return names[wanted]


def _span(labels: set[int]) -> str:
    return f"{min(labels)} to {max(labels)}" if len(labels) > 1 else f"only {min(labels)}"


@dataclass(frozen=True, slots=True)
class OfSize:
    """The samples whose largest box is small, medium or large by a rule, ``coco`` or ``share``."""

    size: Size
    rule: Literal["coco", "share"]

    @property
    def note(self) -> str:
        rule = "32 x 32 and 96 x 96 pixels" if self.rule == "coco" else "a ninth and a quarter of the image"
        return f"Only {self.size} objects: by the area of the largest box, bounds at {rule}."

    def of(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        without = next((s.image_id for s in samples if not len(s.boxes_xyxy)), None)
        if without is not None:
            raise DataError(f"dataset.size={self.size}: image {without!r} has no box to take a size from")
        kept = tuple(filter(self.has, samples))
        if not kept:
            raise ConfigError(f"dataset.size={self.size} leaves none of {len(samples)} samples; try another size")
        return kept

    def has(self, sample: Sample) -> bool:
        """Whether a sample with boxes has the size."""
        sides = sample.boxes_xyxy[:, 2:] - sample.boxes_xyxy[:, :2]
        area = float(sides.prod(1).max())
        bounds = COCO if self.rule == "coco" else np.multiply(SHARE, sample.size_wh[0] * sample.size_wh[1])
        return int(np.searchsorted(bounds, area, side="right")) == SIZES.index(self.size)
