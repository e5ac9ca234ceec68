"""Images with annotations in the format of clovaai/wsolevaluation (Choe et al., 2020): four text files per split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wsol.datasets import checks, paths
from wsol.datasets.base import Sample, dataset
from wsol.datasets.fields import Whole, check_unique, each_as, read_bytes, read_lines, short
from wsol.datasets.files import UNREADABLE, FileDataset
from wsol.datasets.image_files import SKIP, as_mask
from wsol.datasets.listing import is_there, listing
from wsol.datasets.stores.base import MASKS, ImageStore
from wsol.datasets.stores.opening import open_store
from wsol.datasets.stores.remote_path import AnyPath
from wsol.errors import DataError
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray


LIST = "image_ids.txt"  # by which a metadata folder is known
LISTS = (LIST, "class_labels.txt", "image_sizes.txt", "localization.txt")
SPLITS = ("test", "val", "train")  # in the order in which a folder's split is guessed


@dataset("wsolevaluation")
class WsolEvaluation(FileDataset):
    """A split in the wsolevaluation layout: ILSVRC, CUB (boxes), OpenImages (masks), or your own.

    The numbers of `localization.txt` stay as they are. What they mean differs between the published splits:
    ILSVRC has the XML's xmin, ymin, xmax, ymax; CUB has x, y, x + w, y + h. Splits with masks have no boxes, so
    `boxes_xyxy` is (0, 4) there.
    """

    general: ClassVar[bool] = True

    metadata: Path | str = option(
        help="folder or URL with image_ids.txt, class_labels.txt, image_sizes.txt and localization.txt; where the "
        "sizes file is empty (OpenImages), sizes come from the images"
    )
    masks: Path | str | None = option(
        None,
        help="what the masks in localization.txt are relative to, in any place that `images` can be in; null for none",
    )
    labels_only: bool = option(False, help="do not require boxes or masks, which training splits have none of")
    called: str = option("", help="what runs and tables call it, for example ilsvrc")
    split: str = option("", help="the folder in or beside `metadata` to read: train, val or test; empty for itself")

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        return [metadata_options(folder) for folder in metadata_folders(path)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.called:
            checks.check_called(self.called)
            object.__setattr__(self, "key", self.called)

    def file_name(self, sample: Sample) -> str:
        return self._file_of(sample.image_id)

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        """Union of the image's masks; 255 where only an ignore mask is set.

        Its size is that of the files, which may not be the image's: the evaluator resizes them but once, to the map's.
        Files that differ in size are brought to the image's by nearest neighbor.
        """
        if self.masks is None or not self._mask_files:
            return None
        pairs = [
            (self._read_mask(mask, sample), self._read_mask(ignore, sample) if ignore else None)
            for mask, ignore in self._mask_files[sample.image_id]
        ]
        files_hw = {mask.shape for pair in pairs for mask in pair if mask is not None}
        height, width = files_hw.pop() if len(files_hw) == 1 else sample.size_wh[::-1]
        objects, ignored = np.zeros((2, height, width), bool)
        for mask, ignore in pairs:
            objects |= _resized(mask, (width, height))
            if ignore is not None:
                ignored |= _resized(ignore, (width, height))
        return np.where(objects, 1, np.where(ignored, 255, 0)).astype(np.uint8)

    def mask_files(self) -> Mapping[str, Sequence[str]]:
        """Of each image, its masks, and after a mask what is to be ignored around it, where there is such a file."""
        return {i: [name for pair in pairs for name in pair if name] for i, pairs in self._mask_files.items()}

    @cached_property
    def mask_store(self) -> ImageStore | None:
        if self.masks is None:
            return None
        cache, gb = self.cache, self.cache_gb
        return open_store(self.masks, outside=self.outside, cache=cache, cache_gb=gb, kind=MASKS)

    def mask_stamp(self, sample: Sample) -> str:
        pairs = self._mask_files.get(sample.image_id, ()) if self.masks is not None else ()
        contents = [f"{self._mask_contents[mask]}/{self._mask_contents.get(ignore, '')}" for mask, ignore in pairs]
        return " ".join(contents) or super().mask_stamp(sample)

    @cached_property
    def _folder(self) -> Path:
        if paths.is_url(self.metadata):
            return self._folder_of_url(str(self.metadata).rstrip("/"))
        folder = paths.existing(self.metadata, option="dataset.metadata", folder=True)
        if not self.split or (folder.name == self.split and (folder / LIST).is_file()):
            return folder
        places = (folder / self.split, folder.parent / self.split)
        found = next((place for place in places if (place / LIST).is_file()), None)
        if found is None:
            raise DataError(f"dataset.split={self.split}: there are no such lists in or beside {folder}")
        return found

    def _folder_of_url(self, url: str) -> Path:
        """Copies of the lists at a URL, or of those in or beside it of the split."""
        alone = not self.split or url.endswith(f"/{self.split}")
        places = [url] if alone else [f"{url}/{self.split}", f"{url.rpartition('/')[0]}/{self.split}"]
        for place in places:
            folder = self.local_folder(place, LISTS, option="dataset.metadata")
            if (folder / LIST).is_file():
                return folder
        raise DataError(f"dataset.metadata={url}: there is no {LIST} at {' or '.join(places)}")

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        """Sorted, the first `limit` of them."""
        path = self._file(LIST)
        ids = [line for _, line in read_lines(path)]
        if not ids:
            raise DataError(f"{path} lists no image: the dataset is empty")
        check_unique(ids, path, what="image id")
        return tuple(sorted(ids)[: self.at_most])

    def read(self) -> Sequence[Sample]:
        ids, place = self._ids, {image_id: i for i, image_id in enumerate(self._ids)}
        labels = self._by_image("class_labels.txt", 1, Whole)
        checks.check_all("label", ids, labels, where=self._folder / "class_labels.txt")
        sizes_wh = self._sizes(ids, self.present(map(self._file_of, ids)))
        boxes, owners = np.zeros((0, 4)), np.zeros(0, np.int64)
        if self._mask_files:
            self._check_masks()
        elif not self.labels_only:
            table = self._boxes_listed()
            checks.check_all("box", ids, (i for i, _ in table), where=self._folder / "localization.txt")
            mine = [(place[i], box) for i, box in table if i in place]
            owners = np.array([owner for owner, _ in mine], np.int64)
            boxes = np.array([box for _, box in mine], np.float64)
        classes = [labels[i][0] for i in ids]
        return checks.make_samples(ids, classes, sizes_wh, boxes, owners, where=self._folder)

    def _boxes_listed(self) -> list[tuple[str, tuple[float, ...]]]:
        """Image id and x0, y0, x1, y1 of each box, in the list's order."""
        return self._table("localization.txt", 4, float)

    def _file_of(self, image_id: str) -> str:
        """The image file of an id."""
        return image_id

    def _sizes(self, ids: Sequence[str], images: ImageStore | None) -> list[tuple[int, int]]:
        """Of the sizes file, or where it is empty of the images in a folder, or of the masks. Raises DataError."""
        sizes = self._by_image("image_sizes.txt", 2, Whole)
        if sizes:
            checks.check_all("size", ids, sizes, where=self._folder / "image_sizes.txt")
            return [(sizes[i][0], sizes[i][1]) for i in ids]
        if images is not None:
            return self.sizes_of(images, [self._file_of(i) for i in ids])
        if self._mask_files and self.mask_store is not None:  # maps that are scored without their images
            self._check_masks()
            masks = [self._mask_files[i][0][0] for i in ids]
            unreadable = UNREADABLE if self.damaged == "skip" else None
            return self.mask_store.sizes(masks, upright=False, otherwise=SKIP, unreadable=unreadable)
        raise DataError(
            f"{self._folder / 'image_sizes.txt'} is empty, so sizes are unknown: name the folder of the images, "
            "or of the masks"
        )

    @cached_property
    def _mask_files(self) -> dict[str, list[tuple[str, str]]]:
        """By image, its (mask, ignore mask or "") files; empty where localization.txt lists boxes."""
        path = self._file("localization.txt")
        lines = [] if self.labels_only else read_lines(path)
        if not self.labels_only and not lines:
            raise DataError(
                f"{path} is empty: no image has a box or mask (dataset.labels_only=true for training splits)"
            )
        if not lines or not _are_masks(lines[0][1]):
            return {}
        by_image: dict[str, list[tuple[str, str]]] = {}
        for number, line in lines:
            fields = line.rsplit(",", 2)
            if len(fields) != 3 or not fields[1]:
                raise DataError(f"{path}, line {number}: {short(line)} should be image,mask,ignore")
            by_image.setdefault(fields[0], []).append((fields[1], fields[2]))
        checks.check_all("mask", self._ids, by_image, where=path)
        return {i: by_image[i] for i in self._ids}

    def _check_masks(self) -> None:
        names = sorted({name for names in self.mask_files().values() for name in names})
        if not self.outside:
            paths.check_inside(names)
        if self.mask_store is not None:
            self.mask_store.check(names)

    def _read_mask(self, name: str, sample: Sample) -> NDArray[np.bool_]:
        content = self.mask_content(name)
        assert self.mask_store is not None
        place = self.mask_store.place(name)
        return as_mask(content, place, image_id=sample.image_id)  # any level, the reference's "> 0.5"

    def _file(self, name: str) -> Path:
        return paths.existing(str(self._folder / name), option="dataset.metadata", folder=False)

    def _by_image(self, name: str, numbers: int, hint: Any) -> dict[str, tuple[int, ...]]:
        """The lines of a file by image, each listed once."""
        table = self._table(name, numbers, hint)
        check_unique((image for image, _ in table), self._folder / name, what="image id")
        return dict(table)

    def _table(self, name: str, numbers: int, hint: Any) -> list[tuple[str, tuple[Any, ...]]]:
        """Lines `image,number,...` of a file. Split from the right: image names may hold commas."""
        path = self._file(name)
        table = []
        for number, line in read_lines(path):
            fields = line.rsplit(",", numbers)
            try:
                values = each_as([field.strip() for field in fields[1:]], hint)
            except ValueError:
                values = ()
            if len(values) != numbers:
                kind = "number" if hint is float else "whole number"
                raise DataError(f"{path}, line {number}: {short(line)} should be image,{','.join([kind] * numbers)}")
            table.append((fields[0], values))
        return table


def _resized(mask: NDArray[np.bool_], size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    import cv2

    if mask.shape == size_wh[::-1]:
        return mask
    return cv2.resize(mask.astype(np.uint8), size_wh, interpolation=cv2.INTER_NEAREST) > 0


def _are_masks(line: str) -> bool:
    """Whether a line of localization.txt ends in file names; with boxes it ends in numbers."""
    fields = line.rsplit(",", 2)
    return len(fields) == 3 and Path(fields[1]).suffix[1:2].isalpha()


def metadata_folders(path: AnyPath) -> list[AnyPath]:
    """The folders of lists at a path: itself, or one split of each set in its folder ``metadata``."""
    if (path / LIST).is_file():
        return [path]
    roots = [path, path / "metadata", *(path / "metadata" / name for name in listing(path / "metadata").folders)]
    splits = ([root / name for name in ("", *SPLITS)] for root in roots)
    found = [next((folder for folder in some if (folder / LIST).is_file()), None) for some in splits]
    return list(dict.fromkeys(folder for folder in found if folder is not None))


def metadata_options(folder: AnyPath) -> dict[str, str | None]:
    """How to read a folder of lists: its images and masks are looked for in the folders around it."""
    image_id = read_bytes(folder / LIST).partition(b"\n")[0].decode(errors="replace").strip()
    beside = [folder, *folder.parents[:3]]
    places = [*beside, *(place / "images" for place in beside), *(place / folder.parent.name for place in beside)]
    images = next((place for place in places if image_id and is_there(place / image_id)), None)
    around = None if images is None else str(images)
    split = folder.name if folder.name in SPLITS else ""
    return {"images": around, "metadata": str(folder), "masks": around, "split": split}
