"""Annotations that name their classes, under the class indices that a network has for those names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.datasets.base import Dataset, Sample
from wsol.datasets.fields import short, whole_number
from wsol.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


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

    @property
    def split(self) -> str:
        return self.inner.split

    def notes(self) -> Sequence[str]:
        return self.inner.notes()

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


def match_class_indices(data: Dataset, class_names: Sequence[str], num_classes: int) -> Dataset:
    """`data` under the class indices of a network.

    Only datasets whose reader numbered names by itself (`Dataset.numbers_names`) change. Their names are matched with
    `class_names` (may be empty), or, as WordNet ids, with the 1000 classes of ImageNet. Where the network's names are
    unknown and there are as many classes as it has, the order of the names is taken to be the network's, as it is for
    networks trained on an image folder.

    Raises
    ------
    DataError : names that can't be matched; how they can be.
    """
    if not data.numbers_names:
        return data
    used = {sample.label for sample in data.samples()}
    names = {label: data.class_names[label] for label in sorted(used)}
    if class_names and [*map(plain_name, data.class_names)] == [*map(plain_name, class_names)][: len(data.class_names)]:
        return data
    places: dict[str, list[int]] = {}
    for place, name in enumerate(class_names):
        places.setdefault(plain_name(name), []).append(place)
    strange = [name for name in names.values() if len(places.get(plain_name(name), ())) != 1]
    if not strange:
        return _renumbered(data, {label: places[plain_name(name)][0] for label, name in names.items()}, class_names)
    known = wnids()
    if num_classes == len(known) and all(name in known for name in names.values()):
        _check_order({name: known[name] for name in names.values()}, data, class_names)
        return _renumbered(data, {label: known[name] for label, name in names.items()}, class_names or list(known))
    if not class_names and len(data.class_names) == num_classes:
        return data
    what = (
        f"{len(strange)} of {len(names)} classes of the annotations are not known to the network by name, or stand "
        f"for several of its classes, first {short(strange[0])}"
        if class_names
        else f"the annotations name {len(data.class_names)} classes, first {short(strange[0])}, and the network has "
        f"{num_classes}, whose names are unknown"
    )
    raise DataError(
        f"{what}: give model.classes=FILE, with one name per line in the network's order (wsol.evaluate: class_names), "
        "or write the network's class indices as labels"
    )


def _check_order(numbers: Mapping[str, int], data: Dataset, class_names: Sequence[str]) -> None:
    """Raises DataError where most classes of a network bear other names than the source has for their WordNet ids."""
    words = {name: {*map(plain_name, data.synonyms.get(name, ()))} for name in numbers} if class_names else {}
    told = {name: class_names[numbers[name]] for name in words if words[name]}
    others = [name for name, called in told.items() if plain_name(called) not in words[name]]
    if 2 * len(others) > len(told):  # a few names differ: two classes are cranes
        first = others[0]
        raise DataError(
            f"{len(others)} of {len(told)} classes have other names in the network than in dataset {data.key}: class "
            f"{numbers[first]} is {short(told[first])}, and {first} is {short(data.synonyms[first][0])}; is the "
            "network's order that of the sorted WordNet ids? Give model.classes=FILE, with one WordNet id per line in "
            "its order"
        )


def _renumbered(data: Dataset, numbers: Mapping[int, int], names: Sequence[str]) -> Dataset:
    return data if all(a == b for a, b in numbers.items()) else Renumbered(inner=data, numbers=numbers, names=names)


@cache
def wnids() -> Mapping[str, int]:
    """WordNet ids of the 1000 classes of ImageNet (ILSVRC 2012), each with its index in networks."""
    lines = Path(__file__).with_name("imagenet_wnids.txt").read_text().split()
    return {wnid: place for place, wnid in enumerate(lines)}


def label_reader(written: Collection[str], data: Dataset) -> Callable[[str], int]:
    """From a class as a file of predictions writes it to the label that `data` has for it; -1 for a class it lacks.

    Names are matched with the dataset's. Whole numbers are class indices, category ids of a COCO file, or, where labels
    are WordNet ids, ImageNet's class indices: whatever all of them can be.

    Raises
    ------
    DataError : nothing matches, or numbers can be several of these.
    """
    numbers = {text: number for text in written if (number := whole_number(text)) is not None}
    if len(numbers) < len(written):
        return _name_reader(written, data)
    readings: dict[str, dict[str, int]] = {}
    count = len(data.class_names) if data.numbers_names else None
    if all(number >= 0 and (count is None or number < count) for number in numbers.values()):
        readings["class indices"] = numbers
    if data.category_ids and all(str(number) in data.category_ids for number in numbers.values()):
        readings["category ids"] = {text: data.category_ids[str(number)] for text, number in numbers.items()}
    known = wnids()
    if data.numbers_names and all(name in known for name in data.class_names):
        labels = {known[name]: label for label, name in enumerate(data.class_names)}
        if all(0 <= number < len(known) for number in numbers.values()):
            readings["ImageNet's class indices"] = {text: labels.get(number, -1) for text, number in numbers.items()}
    if not readings:
        ids = " nor a category id" if data.category_ids else ""
        misfits = (
            text
            for text, n in sorted(numbers.items())
            if n < 0 or (count is not None and n >= count and str(n) not in data.category_ids)
        )
        outside = next(misfits, min(numbers))  # each may fit one reading, and no reading all
        raise DataError(f"a predicted class is not a class index{ids} of the annotations: {short(outside)}")
    first, *others = readings.values()
    if any(other != first for other in others):
        raise DataError(f"the predicted classes can be {' or '.join(readings)}; write the classes' names instead")
    return first.__getitem__


def _name_reader(written: Collection[str], data: Dataset) -> Callable[[str], int]:
    known = {plain_name(name): label for label, name in enumerate(data.class_names) if name}
    known |= data.category_ids
    if not data.class_names and not data.numbers_names:
        known |= wnids()
    places = {text: known.get(plain_name(text), known.get(text, -1)) for text in written}
    if all(place < 0 for place in places.values()):
        example = f", for example {short(data.class_names[0])}" if data.class_names else ", which are numbers"
        raise DataError(f"no class that is predicted, first {short(min(written))}, is one of the annotations'{example}")
    return places.__getitem__


def label_mapping(data: Dataset, *, most: int = 10) -> str:
    """``0 cat, 1 dog, ...``: the class indices of a dataset whose reader numbered names; empty for others."""
    if not data.numbers_names:
        return ""
    used = sorted({sample.label for sample in data.samples()})
    names = [f"{label} {data.class_names[label]}" for label in used]
    return ", ".join(names[:most]) + (f", ... ({len(names)} classes)" if len(names) > most else "")


def plain_name(name: str) -> str:
    """A class name without what spellings differ in: capitals, underscores, spaces."""
    return " ".join(name.replace("_", " ").casefold().split())
