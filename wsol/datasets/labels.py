"""Annotations that name their classes, under the class indices that a network has for those names."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wsol.datasets.base import Dataset, Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Renumbered(Dataset):
    """A dataset under other class indices.

    Attributes
    ----------
    inner : the dataset as its reader numbers it.
    numbers : from its class indices to the network's. names : the network's class names.
    """

    inner: Dataset
    numbers: Mapping[int, int]
    names: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.inner.key)

    @property
    def class_names(self) -> Sequence[str]:
        return self.names

    def read(self) -> Sequence[Sample]:
        return [replace(sample, label=self.numbers[sample.label]) for sample in self.inner.samples()]

    def image(self, sample: Sample) -> Image:
        return self.inner.image(sample)

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        return self.inner.mask(sample)

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.inner.fingerprint()} {sorted(self.numbers.items())}".encode()).hexdigest()[:16]

    def stamp(self, sample: Sample) -> str:
        return self.inner.stamp(sample)


def match_class_indices(data: Dataset, class_names: Sequence[str], *others: Sequence[str]) -> Dataset:
    """`data` under the class indices of a network that knows its classes by name (`class_names`, may be empty).

    `others` are other names of the same classes, such as WordNet ids; they count where all of the annotations' names
    are among them.

    Only datasets whose reader numbered names by itself (`Dataset.numbers_names`) change. Logs a warning where names are
    not the network's: an image folder's alphabetical order is right for networks trained on that folder, and wrong for
    others.
    """
    if data.numbers_names:
        given = {_plain(name) for name in data.class_names}
        class_names = next((names for names in others if given <= {_plain(name) for name in names}), class_names)
    if not data.numbers_names or not class_names:
        return data
    places: dict[str, list[int]] = {}
    for place, name in enumerate(class_names):
        places.setdefault(_plain(name), []).append(place)
    used = {sample.label for sample in data.samples()}
    names = {label: data.class_names[label] for label in sorted(used)}
    strange = [name for name in names.values() if len(places.get(_plain(name), ())) != 1]
    if not strange:
        numbers = {label: places[_plain(name)][0] for label, name in names.items()}
        same = all(a == b for a, b in numbers.items())
        return data if same else Renumbered(inner=data, numbers=numbers, names=class_names)
    if any(_plain(name) != _plain(class_names[label]) for label, name in names.items() if label < len(class_names)):
        log.warning(
            "%d of %d classes of the annotations are not known to the network by name, first %r: classes are numbered "
            "0 to %d in the order of their names; write label numbers if that isn't the network's order",
            len(strange),
            len(names),
            strange[0],
            len(data.class_names) - 1,
        )
    return data


def is_numbered_as(data: Dataset, class_names: Sequence[str]) -> bool:
    """Whether the names that a dataset's reader numbered are `class_names` at those numbers."""
    used = {sample.label for sample in data.samples()}
    return all(
        label < len(class_names) and _plain(data.class_names[label]) == _plain(class_names[label]) for label in used
    )


def label_mapping(data: Dataset, *, most: int = 10) -> str:
    """``0 cat, 1 dog, ...``: the class indices of a dataset whose reader numbered names; empty for others."""
    if not data.numbers_names:
        return ""
    used = sorted({sample.label for sample in data.samples()})
    names = [f"{label} {data.class_names[label]}" for label in used]
    return ", ".join(names[:most]) + (f", ... ({len(names)} classes)" if len(names) > most else "")


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
