"""Pascal VOC, and sets of one's own in its layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wsol.datasets.base import dataset
from wsol.datasets.fields import read_lines, short
from wsol.datasets.listing import for_each, listing
from wsol.datasets.masks import levels_of
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Box, Entry, TreeDataset
from wsol.datasets.voc_xml import XmlAnnotation, read_xml
from wsol.errors import DataError, unknown
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = (  # in the order of the levels of its masks
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
SPLITS = ("val", "test", "trainval", "train")  # in the order in which a tree's split is guessed
VOID = 255


@dataset("voc")
class Voc(TreeDataset):
    """Pascal VOC: ``JPEGImages/``, ``Annotations/`` and ``ImageSets/Main/``, and masks in ``SegmentationClass/``.

    An image with several classes is one row for each, with the id ``file#class``. The XML counts pixels from 1 and
    includes both corners; here boxes are half-open: xmin - 1, ymin - 1, xmax, ymax. Difficult objects are left out
    unless `difficult`. Images of the segmentation sets have masks, whose borders are ignored.
    """

    split: str = option("val", help="a list in ImageSets/Main, without .txt; empty for all files in Annotations")
    difficult: bool = option(False, help="count objects marked as difficult")

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        roots = (path, *(path / name for name in listing(path).folders if name.startswith("VOC")))
        there = [root for root in roots if (root / "JPEGImages").is_dir() and (root / "Annotations").is_dir()]
        return [{"root": str(root), "split": _first_split(root)} for root in there]

    @cached_property
    def class_names(self) -> Sequence[str]:
        """The twenty classes of VOC where there are no others."""
        names = {entry.name for entry in self._all if isinstance(entry.name, str)}
        return CLASSES if names <= {*CLASSES} else tuple(sorted(names))

    def entries(self) -> Iterator[Entry]:
        images = {Path(name).stem: name for name in listing(self.folder / "JPEGImages").images}
        masks = {*listing(self.folder / "SegmentationClass").files}
        stems = self._stems
        annotations = for_each(read_xml, [self.folder / "Annotations" / f"{stem}.xml" for stem in stems])
        for stem, annotation in zip(stems, annotations, strict=True):
            file = f"JPEGImages/{images.get(stem, annotation.filename or f'{stem}.jpg')}"
            mask = f"SegmentationClass/{stem}.png" if f"{stem}.png" in masks else ""
            for name, boxes in self._by_class(annotation).items():
                yield Entry(file=file, name=name, boxes=boxes, size_wh=annotation.size_wh, mask_file=mask)

    def entry_mask(self, entry: Entry, size_wh: tuple[int, int]) -> NDArray[np.uint8] | None:
        if not entry.mask_file or entry.name not in CLASSES:
            return None
        levels = levels_of(self.mask_content(entry.mask_file), size_wh, entry.mask_file)
        own = levels == 1 + CLASSES.index(str(entry.name))
        return np.where(own, 1, np.where(levels == VOID, 255, 0)).astype(np.uint8)

    @property
    def _stems(self) -> list[str]:
        folder = self.folder / "ImageSets" / "Main"
        if not self.split:
            return [name[:-4] for name in listing(self.folder / "Annotations").files if name.endswith(".xml")]
        lists = [name[:-4] for name in listing(folder).files if name.endswith(".txt") and "_" not in name]
        if self.split not in lists:
            raise unknown(f"split in {folder} called", self.split, lists, error=DataError)
        lines = read_lines(folder / f"{self.split}.txt")
        wrong = next((stem for _, stem in lines if len(stem.split()) != 1 or "/" in stem), None)
        if wrong is not None:
            raise DataError(f"{folder / self.split}.txt has the line {short(wrong)}; one image name per line, no path")
        return [stem for _, stem in lines]

    def _by_class(self, annotation: XmlAnnotation) -> dict[str, tuple[Box, ...]]:
        boxes: dict[str, tuple[Box, ...]] = {}
        for one in annotation.objects:
            if self.difficult or not one.difficult:
                x0, y0, x1, y1 = one.box
                boxes[one.name] = (*boxes.get(one.name, ()), (x0 - 1, y0 - 1, x1, y1))
        return boxes


def _first_split(root: AnyPath) -> str:
    lists = listing(root / "ImageSets" / "Main").files
    return next((split for split in SPLITS if f"{split}.txt" in lists), "")
