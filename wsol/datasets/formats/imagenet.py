"""ImageNet (ILSVRC 2012) as people have it: five layouts of the images, three of the boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from wsol.datasets.base import dataset
from wsol.datasets.fields import read_lines, short
from wsol.datasets.imagenet.boxes import Truth, find_boxes, read_boxes
from wsol.datasets.imagenet.devkit import Devkit
from wsol.datasets.imagenet.images import WNID, Found, Images, find_images, has_images
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tars import TarPack
from wsol.datasets.tree import Entry, TreeDataset
from wsol.errors import DataError
from wsol.options import option

Split = Literal["val", "train"]
WORDS = ("LOC_synset_mapping.txt", "ILSVRC/LOC_synset_mapping.txt", "synset_words.txt")


@dataset("imagenet")
class ImageNet(TreeDataset):
    """ImageNet, its layout found by looking below `root`.

    Images: ``ILSVRC2012_val_00000001.JPEG`` in one folder, in folders of WordNet ids (torchvision), in Kaggle's tree,
    with the WordNet id at the end of the name, or in tar archives (webdataset). Boxes: one XML per image,
    ``LOC_val_solution.csv``, or the lists of wsolevaluation, and unchanged: they are of the pixels as stored, whatever
    EXIF says. Classes come from folders, names and boxes, else from the development kit, and are numbered in the order
    of their WordNet ids, as networks count; where two sources disagree, that is an error. `meta.bin` is never loaded.
    """

    split: Split = option("val", help="val or train; of train, images without boxes are left out")
    annotations: Path | str | None = option(
        None, help="folder of XML files, LOC_val_solution.csv or folder of lists, or its URL; null to look below root"
    )
    blacklist: Literal["score", "leave_out"] = option(
        "score",
        help="the 1,762 validation images on ILSVRC's blacklist: score them as wsolevaluation does, or leave them out "
        "as the official evaluation did",
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        split = next((split for split in ("val", "train") if has_images(path, split)), None)
        return [] if split is None else [{"root": str(path), "split": split, "annotations": None}]

    @cached_property
    def synonyms(self) -> Mapping[str, Sequence[str]]:
        """Of Kaggle's ``LOC_synset_mapping.txt``, or Caffe's ``synset_words.txt``: ``n01440764 tench, Tinca tinca``."""
        path = self.first_of(*WORDS)
        pairs = [] if path is None else [line.partition(" ") for _, line in read_lines(path)]
        return {wnid: words.split(", ") for wnid, _, words in pairs if words}

    @property
    def pack(self) -> TarPack | None:
        return self._images.pack

    def notes(self) -> Sequence[str]:
        if self.split == "train":
            return super().notes()
        if self.blacklist == "score":
            return (*super().notes(), "ILSVRC's blacklist: its images are scored (blacklist=score).")
        count = len(self._images.found) - len(self._scored)
        images = "1 image is" if count == 1 else f"{count} images are"
        return (*super().notes(), f"ILSVRC's blacklist: {images} left out (blacklist=leave_out).")

    def entries(self) -> Iterator[Entry]:
        truths = self._truths
        for found in self._scored:
            truth = truths.get(found.image_id)
            if truth is None and truths and self.split == "train":
                continue
            wnid = self._wnid(found, truth)
            boxes = truth.boxes if truth else ()
            yield Entry(image_id=found.image_id, file=found.file, name=wnid, boxes=boxes)

    @cached_property
    def _images(self) -> Images:
        images = find_images(self.folder, self.split)
        if not images.found:
            raise DataError(
                f"dataset.root={self.root} has no image of ImageNet's {self.split} split: neither "
                "ILSVRC2012_val_00000001.JPEG, nor folders such as n01440764, nor tar archives, there or in "
                f"{self.split}/ or ILSVRC/Data/CLS-LOC/{self.split}/"
            )
        return images

    @cached_property
    def _scored(self) -> tuple[Found, ...]:
        """The images that count."""
        left_out = frozenset() if self.blacklist == "score" else self._devkit.blacklisted()
        return tuple(found for found in self._images.found if found.image_id not in left_out)

    @cached_property
    def _truths(self) -> Mapping[str, Truth]:
        if self.annotations is None:
            source = find_boxes(self.folder, self.split)
        else:
            source = self.place_of(self.annotations, option="dataset.annotations")
        return {} if source is None else read_boxes(source, self._scored)

    @cached_property
    def _devkit(self) -> Devkit:
        return Devkit(self.folder)

    def _wnid(self, found: Found, truth: Truth | None) -> str:
        """The image's class, on which its name and its boxes must agree."""
        if truth and found.wnid and truth.wnid != found.wnid:
            raise DataError(
                f"image {short(found.file)} is of class {found.wnid} by its name, and of {short(truth.wnid)} in "
                f"{truth.source}"
            )
        wnid = found.wnid or (truth.wnid if truth else self._devkit.wnid_of(found.image_id))
        if not wnid:
            raise DataError(
                f"nothing below dataset.root={self.root} says the class of image {short(found.file)}: add the boxes "
                "(XML files or LOC_val_solution.csv) or the development kit"
            )
        if not WNID.fullmatch(wnid):
            raise DataError(f"image {short(found.file)} has the class {short(wnid)}, which is not a WordNet id")
        return wnid
