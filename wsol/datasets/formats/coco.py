"""Images with annotations in a COCO JSON file: boxes, masks, crowds."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wsol.datasets import checks, files
from wsol.datasets.base import Sample, dataset
from wsol.datasets.files import FileDataset
from wsol.errors import DataError
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

ROUNDING = 1.0  # pixels: published COCO boxes end up to that far outside their image; they are cut off


@dataset("coco")
class Coco(FileDataset):
    """A COCO-style set. An image with several classes is one row for each, with the id ``file#category``.

    Boxes are x, y, w, h in the file and half-open x, y, x + w, y + h here. Crowds have no boxes; in masks they are
    ignored pixels. Boxes without area are left out.
    """

    annotations: Path = option(help="the JSON file")
    label_map: Literal["contiguous", "id"] = option(
        "contiguous",
        help="label numbers: the category's place among the sorted ids (contiguous), or its id",
    )

    @property
    def numbers_names(self) -> bool:
        return self.label_map == "contiguous"

    @property
    def class_names(self) -> Sequence[str]:
        names = {self._labels[c]: str(category["name"]) for c, category in self._categories.items()}
        return tuple(names.get(label, "") for label in range(max(names, default=-1) + 1))

    def file_name(self, sample: Sample) -> str:
        return str(self._rows[sample.image_id][0]["file_name"])

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        """Union of the class's segmentations; 255 where only a crowd of it is. None where an object has none."""
        _, objects = self._rows[sample.image_id]
        if not all(a.get("segmentation") for a in objects if not a.get("iscrowd")):
            return None
        width, height = sample.size_wh
        seen, ignored = np.zeros((2, height, width), bool)
        for a in objects:
            if a.get("segmentation"):
                (ignored if a.get("iscrowd") else seen)[self._decode(a)] = True
        return np.where(seen, 1, np.where(ignored, 255, 0)).astype(np.uint8)

    def coco_ids(self) -> dict[str, tuple[int, int]]:
        """By sample id the image's and the category's id in the file."""
        return {name: (image["id"], objects[0]["category_id"]) for name, (image, objects) in self._rows.items()}

    def details(self) -> Sequence[str]:
        objects = [a for sample in self.samples() for a in self._rows[sample.image_id][1]]
        return [json.dumps(a.get("segmentation"), sort_keys=True) for a in objects]

    def stamp(self, sample: Sample) -> str:
        shapes = json.dumps([a.get("segmentation") for a in self._rows[sample.image_id][1]], sort_keys=True)
        return f"{super().stamp(sample)} {shapes}"

    @cached_property
    def _coco(self) -> Any:
        """pycocotools' index, made without its prints."""
        path = files.existing(self.annotations, option="dataset.annotations", folder=False)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is not a JSON file: {error}") from error
        _check_tables(content, path)
        from pycocotools.coco import COCO

        index = COCO()
        index.dataset = content
        with contextlib.redirect_stdout(io.StringIO()):
            index.createIndex()
        return index

    @cached_property
    def _categories(self) -> Mapping[int, Mapping[str, Any]]:
        return dict(sorted(self._coco.cats.items()))

    @cached_property
    def _labels(self) -> Mapping[int, int]:
        """Category id to label."""
        return {c: c if self.label_map == "id" else place for place, c in enumerate(self._categories)}

    @cached_property
    def _rows(self) -> dict[str, tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
        """Row id to (image, its annotations of the row's class), sorted by id; a class of crowds alone makes no row."""
        by_class: dict[int, dict[int, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        flat = 0
        for a in self._coco.dataset["annotations"]:
            if a.get("iscrowd") or min(a["bbox"][2:]) != 0:
                by_class[a["image_id"]][a["category_id"]].append(a)
            else:
                flat += 1
        if flat:
            log.warning("%s: %d boxes without area are left out", self.annotations, flat)
        names = [category["name"] for category in self._categories.values()]
        unique = len(set(names)) == len(names)
        rows = {}
        for image_id, image in self._coco.imgs.items():
            classes = {c: some for c, some in by_class[image_id].items() if not all(a.get("iscrowd") for a in some)}
            for c, objects in classes.items():
                category = self._categories[c]["name"] if unique else c
                rows[image["file_name"] if len(classes) == 1 else f"{image['file_name']}#{category}"] = (image, objects)
        if not rows:
            raise DataError(f"{self.annotations} has no image with a box: the dataset is empty")
        return dict(sorted(rows.items())[: self.limit])

    def read(self) -> Sequence[Sample]:
        rows = list(self._rows.values())
        self.present(image["file_name"] for image, _ in rows)
        sizes = [(int(image["width"]), int(image["height"])) for image, _ in rows]
        mine = [(row, a["bbox"]) for row, (_, objects) in enumerate(rows) for a in objects if not a.get("iscrowd")]
        owners = np.array([row for row, _ in mine], np.int64)
        boxes = np.array([(x, y, x + w, y + h) for _, (x, y, w, h) in mine], np.float64)
        frame = np.tile(np.array(sizes, np.float64)[owners], 2)
        inside = np.clip(boxes, 0, frame)
        boxes = np.where(np.abs(boxes - inside) <= ROUNDING, inside, boxes)
        labels = [self._labels[objects[0]["category_id"]] for _, objects in rows]
        return checks.make_samples(list(self._rows), labels, sizes, boxes, owners, where=self.annotations)

    def _decode(self, annotation: Mapping[str, Any]) -> NDArray[np.bool_]:
        try:
            with warnings.catch_warnings():
                # pycocotools 2.0.11 doesn't know the copy argument NumPy 2 hands to __array__; the answer is the same.
                warnings.simplefilter("ignore", DeprecationWarning)
                mask: NDArray[np.bool_] = self._coco.annToMask(annotation).astype(bool)
        except Exception as error:  # pycocotools raises what its C code meets
            raise DataError(
                f"annotation {annotation.get('id')} in {self.annotations} has an unusable segmentation"
            ) from error
        return mask


def _check_tables(content: Any, path: Path) -> None:
    """Raises DataError where the file is not a COCO annotation file, or its tables don't fit each other."""
    for table in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(table), list):
            raise DataError(f"{path} is not a COCO annotation file: it has no list {table!r}")
    needed = {
        "images": ("id", "file_name", "width", "height"),
        "annotations": ("id", "image_id", "category_id", "bbox"),
        "categories": ("id", "name"),
    }
    for table, fields in needed.items():
        for place, entry in enumerate(content[table]):
            for field in fields:
                if not isinstance(entry, dict) or field not in entry:
                    raise DataError(f"{path}: entry {place} of {table!r} has no {field!r}")
    images, categories = ({e["id"] for e in content[t]} for t in ("images", "categories"))
    names = [image["file_name"] for image in content["images"]]
    if len(set(names)) < len(names):
        twice = next(n for i, n in enumerate(names) if n in names[:i])
        raise DataError(f"{path} lists the image {twice!r} twice")
    for a in content["annotations"]:
        for field, known in (("image_id", images), ("category_id", categories)):
            if a[field] not in known:
                raise DataError(f"annotation {a['id']} in {path} has {field} {a[field]!r}, which the file doesn't list")
        box = a["bbox"]
        if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, int | float) for v in box):
            raise DataError(
                f"annotation {a['id']} in {path} has the bbox {box!r}; it should be four numbers x, y, w, h"
            )
        if min(box[2:]) < 0:
            raise DataError(
                f"annotation {a['id']} in {path} has the bbox {box}, of negative size; boxes are x, y, w, h"
            )
