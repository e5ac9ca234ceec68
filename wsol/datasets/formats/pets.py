"""The Oxford-IIIT Pet data set (Parkhi et al., 2012): 37 breeds, with trimaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from wsol.datasets.base import dataset
from wsol.datasets.fields import read_lines, short, whole_number
from wsol.datasets.listing import for_each, listing
from wsol.datasets.masks import levels_of
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Box, Entry, TreeDataset
from wsol.datasets.voc_xml import read_xml
from wsol.errors import DataError
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

OBJECT, BORDER = 1, 3  # levels of a trimap; 2 is background
LISTS = {"test": "test.txt", "trainval": "trainval.txt"}


@dataset("pets")
class Pets(TreeDataset):
    """Oxford-IIIT Pet: ``images/``, ``annotations/test.txt`` and ``annotations/trimaps/``.

    Masks are the trimaps, with their border ignored. The XML files have boxes of heads, which are not those of the
    animals; `boxes` chooses.
    """

    split: Literal["test", "trainval"] = option("test", help="test or trainval")
    boxes: Literal["mask", "head"] = option(
        "mask", help="mask: the tight box around the trimap's object; head: the XML's, of images that have one"
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        if not (path / "annotations" / "trimaps").is_dir() or not (path / "images").is_dir():
            return []
        split = next((split for split, name in LISTS.items() if (path / "annotations" / name).is_file()), None)
        return [] if split is None else [{"root": str(path), "split": split}]

    @property
    def boxes_of_masks(self) -> bool:
        return self.boxes == "mask"

    @cached_property
    def class_names(self) -> Sequence[str]:
        """Breeds by class id, which is their alphabetical order."""
        known = {label: name for label, name, _ in self._lines}
        return tuple(known.get(label, "") for label in range(max(known) + 1))

    def entries(self) -> Iterator[Entry]:
        lines = self._lines
        heads: list[tuple[Box, ...]] = [()] * len(lines)
        if self.boxes == "head":
            folder = self.folder / "annotations" / "xmls"
            there = {*listing(folder).files}
            lines = [line for line in lines if f"{line[2]}.xml" in there]
            annotations = for_each(read_xml, [folder / f"{stem}.xml" for _, _, stem in lines])
            heads = [tuple(one.box for one in annotation.objects) for annotation in annotations]
        for (_, name, stem), boxes in zip(lines, heads, strict=True):
            mask = f"annotations/trimaps/{stem}.png"
            yield Entry(file=f"images/{stem}.jpg", name=name, boxes=boxes, mask_file=mask)

    def entry_mask(self, entry: Entry, size_wh: tuple[int, int]) -> NDArray[np.uint8] | None:
        levels = levels_of(self.mask_content(entry.mask_file), size_wh, entry.mask_file)
        return np.where(levels == OBJECT, 1, np.where(levels == BORDER, 255, 0)).astype(np.uint8)

    @cached_property
    def _lines(self) -> list[tuple[int, str, str]]:
        """(label, breed, name of the image) of every line ``Abyssinian_201 1 1 1``."""
        path = self.folder / "annotations" / LISTS[self.split]
        lines: list[tuple[int, str, str]] = []
        for number, line in read_lines(path):
            stem, *rest = line.split()
            label = whole_number(rest[0]) if rest else None
            breed, underscore, _ = stem.rpartition("_")
            if stem.startswith("#"):
                continue
            if label is None or label < 1 or not underscore:
                raise DataError(f"{path}, line {number}: {short(line)} should be 'Breed_number class species breed'")
            lines.append((label - 1, breed, stem))
        if not lines:
            raise DataError(f"{path} lists no image: the dataset is empty")
        names: dict[int, str] = {}
        for label, breed, _ in lines:
            if names.setdefault(label, breed) != breed:
                raise DataError(f"{path} gives class {label + 1} to {short(names[label])} and to {short(breed)}")
        return lines
