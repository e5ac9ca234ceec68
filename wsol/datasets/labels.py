"""Annotations that name their classes, with the numbers that a network has for those names."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.datasets.base import Dataset, Sample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Renumbered:
    """A data set under other label numbers; `numbers` is from its own to the network's."""

    key: ClassVar[str]

    inner: Dataset
    numbers: Mapping[int, int]
    class_names: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.inner.key)

    def samples(self) -> Sequence[Sample]:
        return self._samples

    def image(self, sample: Sample) -> Image:
        return self.inner.image(sample)

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        return self.inner.mask(sample)

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.inner.fingerprint()} {sorted(self.numbers.items())}".encode()).hexdigest()[:16]

    def stamp(self, sample: Sample) -> str:
        stamp = getattr(self.inner, "stamp", None)
        return str(stamp(sample)) if stamp else self._whole

    @cached_property
    def _whole(self) -> str:
        return self.inner.fingerprint()

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        return tuple(replace(one, label=self.numbers[one.label]) for one in self.inner.samples())


def match_class_indices(data: Dataset, known: Sequence[str]) -> Dataset:
    """`data` with the labels of a network that knows its classes by name.

    Only readers that counted names by themselves (`counted`) are renumbered. A warning where names are not the
    network's: an image folder's alphabetical order is right for networks trained on that folder, and wrong for others.
    """
    if not getattr(data, "counted", False) or not known:
        return data
    places: dict[str, list[int]] = {}
    for place, name in enumerate(known):
        places.setdefault(_plain(name), []).append(place)
    used = {sample.label for sample in data.samples()}
    names = {label: data.class_names[label] for label in sorted(used)}
    strange = [name for name in names.values() if len(places.get(_plain(name), ())) != 1]
    if not strange:
        numbers = {label: places[_plain(name)][0] for label, name in names.items()}
        return data if all(a == b for a, b in numbers.items()) else Renumbered(data, numbers, known)
    if any(_plain(name) != _plain(known[label]) for label, name in names.items() if label < len(known)):
        log.warning(
            "%d of %d classes of the annotations are not known to the network by name, first %r: classes are numbered "
            "0 to %d in the order of their names; write label numbers if that isn't the network's order",
            len(strange),
            len(names),
            strange[0],
            len(data.class_names) - 1,
        )
    return data


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
