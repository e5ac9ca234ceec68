"""ImageNet-S (Gao et al., 2022): pixel masks of 919, 300 or 50 classes of ImageNet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from wsol.datasets.base import dataset
from wsol.datasets.fields import read_lines, short
from wsol.datasets.imagenet.images import WNID
from wsol.datasets.listing import for_each, listing
from wsol.datasets.masks import levels_of
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Entry, TreeDataset
from wsol.errors import DataError
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

IGNORE = 1000  # level of pixels that nobody could decide


@dataset("imagenet_s")
class ImageNetS(TreeDataset):
    """ImageNet-S: ``validation/n01440764/*.JPEG`` and ``validation-segmentation/n01440764/*.png``.

    A mask's level R + 256 G is the class, counted from 1 in the order of the WordNet ids; 1000 is ignored. Boxes are
    the tight ones around the masks.
    """

    split: Literal["validation", "train-semi"] = option("validation", help="validation or train-semi")
    categories: Path | str | None = option(
        None,
        help="ImageNetS_categories_im919.txt or its URL, where folders of classes are missing; null: the folders' "
        "order",
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        for split in ("validation", "train-semi"):
            if (path / split).is_dir() and (path / f"{split}-segmentation").is_dir():
                return [{"root": str(path), "split": split, "categories": None}]
        return []

    @property
    def boxes_of_masks(self) -> bool:
        return True

    @cached_property
    def class_names(self) -> Sequence[str]:
        if self.categories is None:
            return tuple(name for name in listing(self.folder / self.split).folders if WNID.fullmatch(name))
        path = self.place_of(self.categories, option="dataset.categories", folder=False)
        return tuple(line.split()[0] for _, line in read_lines(path))

    def entries(self) -> Iterator[Entry]:
        folders = [name for name in listing(self.folder / self.split).folders if WNID.fullmatch(name)]
        images = for_each(listing, [self.folder / self.split / name for name in folders])
        masks = for_each(listing, [self.folder / f"{self.split}-segmentation" / name for name in folders])
        for wnid, its, of_class in zip(folders, images, masks, strict=True):
            if wnid not in self.class_names:
                raise DataError(
                    f"dataset.categories={self.categories} does not list {wnid}, of which there is a folder"
                )
            there = {*of_class.files}
            for name in its.images:
                mask = f"{PurePosixPath(name).stem}.png"
                if mask in there:  # of the training images, ten per class have one
                    where = f"{self.split}-segmentation/{wnid}/{mask}"
                    yield Entry(file=f"{self.split}/{wnid}/{name}", name=wnid, mask_file=where)

    def entry_mask(self, entry: Entry, size_wh: tuple[int, int]) -> NDArray[np.uint8] | None:
        levels = levels_of(self.mask_content(entry.mask_file), size_wh, entry.mask_file)
        own = levels == 1 + self.class_names.index(str(entry.name))
        others = np.setdiff1d(levels, (0, IGNORE))
        if not own.any() and len(others):
            raise DataError(
                f"the mask {short(entry.mask_file)} shows class {others[0]}, and {entry.name} is class "
                f"{1 + self.class_names.index(str(entry.name))} among the folders there: folders are missing, so give "
                "dataset.categories=ImageNetS_categories_im919.txt"
            )
        return np.where(own, 1, np.where(levels == IGNORE, 255, 0)).astype(np.uint8)
