"""Images with annotations in a COCO JSON file: boxes, masks, crowds."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from wsol.datasets import checks
from wsol.datasets.base import Sample, dataset
from wsol.datasets.fields import Side, Whole, check_unique, read_bytes, read_json, short
from wsol.datasets.files import FileDataset
from wsol.datasets.listing import is_there, listing
from wsol.datasets.segments import Segmentation, decode
from wsol.datasets.stores.remote_path import AnyPath
from wsol.errors import DataError
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

ROUNDING = 1.0  # pixels: published COCO boxes end up to this far outside their image, and are cut off there
Id = Whole | Annotated[str, Meta(min_length=1)]


class CocoImage(Struct, frozen=True):
    """An image of the file."""

    id: Id
    file_name: Annotated[str, Meta(min_length=1)]
    width: Side
    height: Side


class CocoObject(Struct, frozen=True):
    """An annotation of the file; `bbox` is x, y, w, h."""

    id: Id
    image_id: Id
    category_id: Id
    bbox: tuple[float, float, float, float]
    segmentation: Segmentation = None
    iscrowd: bool | None = False


class CocoCategory(Struct, frozen=True):
    """A category of the file."""

    id: Id
    name: str


class CocoFile(Struct, frozen=True):
    """What is read of a COCO annotation file."""

    images: list[CocoImage]
    annotations: list[CocoObject]
    categories: list[CocoCategory]


@dataset("coco")
class Coco(FileDataset):
    """A COCO-style set. An image with several classes is one row for each, with the id ``file#category``.

    Boxes are x, y, w, h in the file and half-open x, y, x + w, y + h here. Crowds have no boxes; in masks they are
    ignored pixels. Boxes without area are left out.
    """

    suffix: ClassVar[str] = ".json"

    annotations: Path | str = option(help="the JSON file, or its URL")
    label_map: Literal["contiguous", "id"] = option(
        "contiguous",
        help="label numbers: the category's place among the sorted ids (contiguous), or its id",
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        ranked = [(_rank(file), file) for file in _json_files(path) if _is_coco(file)]
        best = min((rank for rank, _ in ranked), default=0)
        chosen = [file for rank, file in ranked if rank == best]
        return [{"images": _folder_of_images(file), "annotations": str(file)} for file in chosen]

    @property
    def numbers_names(self) -> bool:
        return self.label_map == "contiguous"

    @property
    def class_names(self) -> Sequence[str]:
        names = {self._labels[c]: name for c, name in self._categories.items()}
        return tuple(names.get(label, "") for label in range(max(names, default=-1) + 1))

    def file_name(self, sample: Sample) -> str:
        return self._rows[sample.image_id][0].file_name

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        """Union of the class's segmentations; 255 where there is only a crowd of it. None where an object has none."""
        _, objects = self._rows[sample.image_id]
        if not _has_mask(objects):
            return None
        width, height = sample.size_wh
        seen, ignored = np.zeros((2, height, width), bool)
        for a in objects:
            if a.segmentation:
                try:
                    (ignored if a.iscrowd else seen)[decode(a.segmentation, sample.size_wh)] = True
                except ValueError as error:
                    raise DataError(
                        f"annotation {a.id} in {self.annotations} has an unusable segmentation: {error}"
                    ) from error
        return np.where(seen, 1, np.where(ignored, 255, 0)).astype(np.uint8)

    def coco_ids(self) -> dict[str, tuple[int | str, int | str]]:
        """By sample id the image's and the category's id in the file."""
        return {name: (image.id, objects[0].category_id) for name, (image, objects) in self._rows.items()}

    @property
    def category_ids(self) -> Mapping[str, int]:
        return {str(c): label for c, label in self._labels.items()}

    def mask_stamp(self, sample: Sample) -> str:
        objects = self._rows[sample.image_id][1]
        shapes = [(a.segmentation, bool(a.iscrowd)) for a in objects] if _has_mask(objects) else []
        return msgspec.json.encode(shapes).decode() if shapes else ""

    @cached_property
    def _file(self) -> CocoFile:
        path = self.local_file(self.annotations, option="dataset.annotations")
        content = read_json(path, CocoFile, what="a COCO annotation file")
        _check_tables(content, path)
        return content

    @cached_property
    def _categories(self) -> Mapping[int | str, str]:
        """Category id to name, in the order of the ids."""
        return dict(sorted(((c.id, c.name) for c in self._file.categories), key=lambda c: _order(c[0])))

    @cached_property
    def _labels(self) -> Mapping[int | str, int]:
        """Category id to label."""
        if self.label_map == "contiguous":
            return {c: place for place, c in enumerate(self._categories)}
        text = next((c for c in self._categories if isinstance(c, str)), None)
        if text is not None:
            raise DataError(
                f"{self.annotations} has the category id {text!r}, a text: use dataset.label_map=contiguous"
            )
        return {c: int(c) for c in self._categories}

    @cached_property
    def _rows(self) -> dict[str, tuple[CocoImage, list[CocoObject]]]:
        """Row id to (image, its annotations of the row's class), sorted by id; a class of crowds alone makes no row."""
        by_class: dict[int | str, dict[int | str, list[CocoObject]]] = defaultdict(lambda: defaultdict(list))
        flat = 0
        for a in self._file.annotations:
            if a.iscrowd or min(a.bbox[2:]) != 0:
                by_class[a.image_id][a.category_id].append(a)
            else:
                flat += 1
        if flat:
            log.warning("%s: %d boxes without area are left out", self.annotations, flat)
        unique = len(set(self._categories.values())) == len(self._categories)
        rows = []
        for image in self._file.images:
            classes = {c: some for c, some in by_class[image.id].items() if not all(a.iscrowd for a in some)}
            for c, objects in classes.items():
                category = self._categories[c] if unique else c
                rows.append((image.file_name if len(classes) == 1 else f"{image.file_name}#{category}", image, objects))
        if not rows:
            raise DataError(f"{self.annotations} has no image with a box: the dataset is empty")
        check_unique((name for name, _, _ in rows), self.annotations, what="image id")
        return {name: (image, objects) for name, image, objects in sorted(rows, key=lambda r: r[0])[: self.at_most]}

    def read(self) -> Sequence[Sample]:
        rows = list(self._rows.values())
        self.present(image.file_name for image, _ in rows)
        sizes = [(image.width, image.height) for image, _ in rows]
        mine = [(row, a.bbox) for row, (_, objects) in enumerate(rows) for a in objects if not a.iscrowd]
        owners = np.array([row for row, _ in mine], np.int64)
        boxes = np.array([(x, y, x + w, y + h) for _, (x, y, w, h) in mine], np.float64)
        frame = np.tile(np.array(sizes, np.float64)[owners], 2)
        inside = np.clip(boxes, 0, frame)
        boxes = np.where(np.abs(boxes - inside) <= ROUNDING, inside, boxes)
        labels = [self._labels[objects[0].category_id] for _, objects in rows]
        return checks.make_samples(list(self._rows), labels, sizes, boxes, owners, where=self.annotations)


def _has_mask(objects: Sequence[CocoObject]) -> bool:
    """Whether all objects of a class are outlined, so that pixels beside them are background."""
    return all(a.segmentation for a in objects if not a.iscrowd)


class _Outline(Struct, frozen=True):
    """The tables of a COCO file, unread."""

    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw


class _FileName(Struct, frozen=True):
    """What is read of an image to find its folder."""

    file_name: str


SPLITS = ("val", "test", "train")  # in the order in which a tree's file is guessed; a file of none comes first
NOT_OBJECTS = ("captions_", "person_keypoints_", "image_info_", "stuff_", "panoptic_")
MOST_FILES = 20  # that are looked into: a folder with a JSON per image is of another format


def _json_files(path: AnyPath) -> list[AnyPath]:
    if path.suffix == ".json" and path.is_file():
        return [path]
    folders = [path, path / "annotations", *(path / name for name in listing(path).folders if _split_in(name))]
    files: Iterable[AnyPath] = (folder / name for folder in folders for name in listing(folder).files)
    known = [f for f in files if f.suffix == ".json" and not f.name.startswith(NOT_OBJECTS)]
    return known if len(known) <= MOST_FILES else []


def _is_coco(file: AnyPath) -> bool:
    try:
        msgspec.json.decode(read_bytes(file), type=_Outline)
    except (msgspec.MsgspecError, DataError, ValueError, RecursionError):
        return False
    return True


def _split_in(name: str) -> str:
    return next((split for split in SPLITS if split in name), "")


def _rank(file: AnyPath) -> int:
    split = _split_in(file.name) or _split_in(file.parent.name)
    return 1 + SPLITS.index(split) if split else 0


def _folder_of_images(file: AnyPath) -> str | None:
    """The folder around an annotation file that has its first image; None where no folder has."""
    try:
        images = msgspec.json.decode(msgspec.json.decode(read_bytes(file), type=_Outline).images, type=list[_FileName])
    except (msgspec.MsgspecError, DataError, ValueError, RecursionError):
        return None
    name = file.stem.rpartition("_")[2]  # val2017 of instances_val2017
    roots = [file.parent, file.parent.parent]
    places = [root / part for root in roots for part in ("", "images", name, f"images/{name}") if part != "."]
    found = (place for place in places if images and is_there(place / images[0].file_name))
    return next(map(str, found), None)


def _order(c: int | str) -> tuple[int, int | str]:
    return (1, c) if isinstance(c, str) else (0, c)


def _check_tables(content: CocoFile, path: Path) -> None:
    """Raises DataError where the tables of a file don't fit each other."""
    for what, table in (
        ("image id", content.images),
        ("annotation id", content.annotations),
        ("category id", content.categories),
    ):
        check_unique((entry.id for entry in table), path, what=what)
    check_unique((normpath(image.file_name) for image in content.images), path, what="file_name")
    images, categories = {image.id for image in content.images}, {category.id for category in content.categories}
    for a in content.annotations:
        for field_name, value, known in (("image_id", a.image_id, images), ("category_id", a.category_id, categories)):
            if value not in known:
                raise DataError(
                    f"annotation {short(a.id)} in {path} has {field_name} {short(value)}, which the file doesn't list"
                )
        if not np.isfinite(a.bbox).all() or min(a.bbox[2:]) < 0:
            raise DataError(
                f"annotation {short(a.id)} in {path} has the bbox {list(a.bbox)}, of negative size or not finite; "
                "boxes are x, y, w, h"
            )
