"""Images in one folder per class, without boxes: to train on, and for metrics that need none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from wsol.datasets.base import dataset
from wsol.datasets.fields import cut
from wsol.datasets.listing import for_each, listing
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Entry, TreeDataset
from wsol.errors import DataError
from wsol.options import option

SPLITS = ("train", "val", "valid", "validation", "test")
NOT_BESIDE = (".csv", ".json", ".xml", ".yaml", ".yml", ".parquet", ".tar", ".mat")  # files of formats with boxes
LOOKED_AT = 3  # class folders, of perhaps thousands


@dataset("class_folders")
class ClassFolders(TreeDataset):
    """One folder per class, ``cats/1.jpg``, or one per split with such folders, ``train/cats/1.jpg``; no boxes.

    Classes are the names of the folders in alphabetical order, as torchvision's `ImageFolder` counts them.
    """

    general: ClassVar[bool] = True
    boxless: ClassVar[bool] = True

    split: str = option(
        "",
        help="the folder of the split below root: train, val, test; empty for root itself, and so is train without one",
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        inside = listing(path)
        if any(name.lower().endswith(NOT_BESIDE) for name in inside.files):
            return []
        if "train" in inside.folders and {*inside.folders} <= {*SPLITS}:
            return [{"root": str(path), "split": "train"}] if _has_classes(path / "train") else []
        return [{"root": str(path), "split": ""}] if _has_classes(path) else []

    def entries(self) -> Iterator[Entry]:
        split = "" if self.split == "train" and not (self.folder / "train").is_dir() else self.split
        root = self.folder / split
        inside = listing(root)
        if not root.is_dir():
            raise DataError(
                f"dataset.split={self.split}: there is no folder {root}; there are "
                f"{cut(', '.join(listing(self.folder).folders)) or 'none'}"
            )
        prefix = f"{split}/" if split else ""
        listings = for_each(listing, [root / name for name in inside.folders])
        for name, its in zip(inside.folders, listings, strict=True):
            for file in its.images:
                yield Entry(file=f"{prefix}{name}/{file}", name=name)


def _has_classes(folder: AnyPath) -> bool:
    """Whether a folder has two folders or more, with images in the first ones."""
    names = [name for name in listing(folder).folders if not name.startswith(".")]
    return len(names) > 1 and all(listing(folder / name).images for name in names[:LOOKED_AT])
