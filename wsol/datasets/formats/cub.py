"""CUB-200-2011 (Wah et al., 2011): as it was published, or with the lists of wsolevaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wsol.datasets import checks
from wsol.datasets.base import Sample, dataset
from wsol.datasets.fields import Whole, check_unique, each_as, read_lines, short
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.masks import levels_of
from wsol.datasets.stores.remote_path import AnyPath
from wsol.errors import ConfigError, DataError
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGES = "images.txt"  # the file by which the published folder is known
NEEDED = (IMAGES, "bounding_boxes.txt", "train_test_split.txt")
PUBLISHED = (*NEEDED, "image_class_labels.txt", "classes.txt")
SPLITS = {"train": 1, "test": 0}  # as train_test_split.txt writes them
HALF = 128  # of 255: a segmentation's grey levels say how many of five annotators saw the bird there


@dataset("cub")
class Cub(WsolEvaluation):
    """CUB-200-2011, as published or with the metadata lists of clovaai/wsolevaluation.

    What `metadata` holds decides: ``images.txt`` and the other text files of ``CUB_200_2011/``, or ``image_ids.txt``.
    Both give the same ids, labels and boxes: x, y, x + w, y + h, the last two at most the image's width - 1 and
    height - 1, as in the lists. Masks are the published segmentations, where most of the annotators agree.
    """

    general: ClassVar[bool] = False

    metadata: Path | str = option(help="CUB_200_2011 as unpacked, or the lists of wsolevaluation: a folder or a URL")
    masks: Path | str | None = option(
        None, help="the folder segmentations, in any place that `images` can be in; null for no masks"
    )
    split: str = option("", help="train or test; empty for test, or for what is in `metadata`")

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        if not all((path / name).is_file() for name in NEEDED):
            return []
        masks = next(
            (place for place in (path / "segmentations", path.parent / "segmentations") if place.is_dir()), None
        )
        options = {"images": str(path / "images"), "metadata": str(path)}
        return [{**options, "masks": None if masks is None else str(masks)}]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.split not in ("", "val", *SPLITS):
            raise ConfigError(f"dataset.split={self.split!r} is not a split of CUB; expected train or test")

    @cached_property
    def class_names(self) -> Sequence[str]:
        """``001.Black_footed_Albatross``, ...: the names of the folders, whose order is the network's."""
        path = self._folder / "classes.txt"
        lines = read_lines(path) if self._published and path.is_file() else []
        return tuple(line.split(maxsplit=1)[-1] for _, line in lines)

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        if self.masks is None:
            return None
        name = self._mask_of(sample.image_id)
        return (levels_of(self.mask_content(name), sample.size_wh, name) >= HALF).astype(np.uint8)

    def mask_files(self) -> Mapping[str, Sequence[str]]:
        return {} if self.masks is None else {image_id: (self._mask_of(image_id),) for image_id in self._ids}

    def _mask_of(self, image_id: str) -> str:
        return str(PurePosixPath(image_id).with_suffix(".png"))

    @cached_property
    def _folder(self) -> Path:
        folder = self.local_folder(self.metadata, PUBLISHED, option="dataset.metadata")
        return folder if (folder / IMAGES).is_file() else super()._folder

    @cached_property
    def _published(self) -> bool:
        return (self._folder / IMAGES).is_file()

    def read(self) -> Sequence[Sample]:
        if self.masks is not None:
            self._check_masks()
        return self._of_publication() if self._published else super().read()

    @cached_property
    def _mask_files(self) -> dict[str, list[tuple[str, str]]]:
        return {} if self._published else super()._mask_files

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        return tuple(sorted(self._numbers)[: self.at_most]) if self._published else super()._ids

    @cached_property
    def _numbers(self) -> dict[str, str]:
        """Of the split, image id to the number by which the published files know it."""
        names = self._column(IMAGES, str)
        check_unique(names.values(), self._folder / IMAGES, what="image")
        wanted = SPLITS.get(self.split or "test")
        if wanted is None:
            raise ConfigError(f"CUB-200-2011 as published has no split {self.split!r}; expected train or test")
        of_split = self._column("train_test_split.txt", Whole)
        checks.check_all("split", names, of_split, where=self._folder / "train_test_split.txt")
        chosen = {name: number for number, name in names.items() if of_split[number] == wanted}
        if not chosen:
            raise DataError(f"{self._folder} has no image of the split {self.split or 'test'}: the dataset is empty")
        return chosen

    def _of_publication(self) -> Sequence[Sample]:
        ids, numbers = self._ids, [self._numbers[i] for i in self._ids]
        labels, boxes = self._column("image_class_labels.txt", Whole), self._columns("bounding_boxes.txt", 4)
        for what, table, name in (("label", labels, "image_class_labels.txt"), ("box", boxes, "bounding_boxes.txt")):
            checks.check_all(what, numbers, table, where=self._folder / name)
        images = self.present(ids)
        if images is None:
            raise DataError(
                "dataset.images=null: the published files of CUB have no sizes; name the folder of the images"
            )
        sizes = self.sizes_of(images, ids)
        x, y, width, height = np.array([boxes[number] for number in numbers], np.float64).T
        last_x, last_y = np.array(sizes).T - 1
        xyxy = np.stack([x, y, np.minimum(x + width, last_x), np.minimum(y + height, last_y)], 1)
        classes = [labels[number] - 1 for number in numbers]
        return checks.make_samples(ids, classes, sizes, xyxy, np.arange(len(ids)), where=self._folder)

    def _column(self, name: str, hint: Any) -> dict[str, Any]:
        return {number: values[0] for number, values in self._columns(name, 1, hint).items()}

    def _columns(self, name: str, count: int, hint: Any = float) -> dict[str, tuple[Any, ...]]:
        """By image number the fields of a file whose lines are ``number field ...``. Raises DataError."""
        path = self._file(name)
        table: dict[str, tuple[Any, ...]] = {}
        for line, text in read_lines(path):
            number, *fields = text.split()
            try:
                values = each_as(fields, hint)
            except ValueError:
                values = ()
            if len(values) != count or number in table:
                wrong = "stands twice" if number in table else f"should be an image's number and {count} more"
                raise DataError(f"{path}, line {line}: {short(text)} {wrong}")
            table[number] = values
        return table
