"""Parquet and Arrow files with images in them, as data sets on Hugging Face have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wsol.datasets.base import dataset
from wsol.datasets.fields import cut, short
from wsol.datasets.listing import is_there, listing
from wsol.datasets.parquet_files import SUFFIXES, TableFile, TablePack
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Box, Entry, TreeDataset
from wsol.errors import DataError, unknown
from wsol.options import option

SPLITS = ("validation", "val", "test", "train")  # in the order in which a split is guessed
BOXES = ("objects.bbox", "objects.bboxes", "bbox", "bboxes", "boxes")
LABELS = ("objects.category", "objects.label", "objects.categories", "label", "labels")


@dataset("parquet")
class Parquet(TreeDataset):
    """A table with a column of images: Parquet files, or the Arrow files of `datasets`' ``save_to_disk``.

    Labels are class indices, with the names that the file states, or texts; one per image, or one per object beside
    its box. An image with several classes is one row for each. Image ids are ``file/row``.
    """

    root: Path | str = option(help="the file, or the folder of the files, or the URL of either")
    split: str = option(
        "", help="read only files of this name: train-00000-of-00002.parquet is of train; empty for all"
    )
    image_column: str = option("image", help="the column of images")
    label_column: str | None = option(None, help="the column of labels, or objects.category; null to look for one")
    box_column: str | None = option(None, help="the column of boxes, or objects.bbox; null to look for one")
    box_format: Literal["xywh", "xyxy"] = option(
        "xywh", help="x, y, width, height as COCO has it, or two corners; pixels"
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        names = [path.name] if path.is_file() else _files_in(path)
        if not any(name.endswith(SUFFIXES) for name in names):
            return []
        split = next((split for split in SPLITS if any(_is_of(split, name) for name in names)), "")
        return [{"root": str(path), "split": split}]

    @cached_property
    def _root(self) -> AnyPath:
        return self.place_of(self.root, option="dataset.root", folder=not is_there(Path(self.root).expanduser()))

    @cached_property
    def folder(self) -> AnyPath:
        root = self._root
        return root.parent if root.is_file() else root

    @property
    def pack(self) -> TablePack:
        return self._pack

    @cached_property
    def _pack(self) -> TablePack:
        return TablePack(self._files, self.image_column, self.folder)

    @cached_property
    def _files(self) -> tuple[TableFile, ...]:
        root = self._root
        names = [root.name] if root.is_file() else _files_in(self.folder)
        chosen = [name for name in names if not self.split or _is_of(self.split, name)]
        if not chosen:
            raise DataError(
                f"dataset.root={self.root} has no file of {self.split or 'a table'}: names such as "
                f"{self.split or 'train'}-00000-of-00001.parquet"
            )
        return tuple(TableFile(self.folder / name) for name in chosen)

    @cached_property
    def class_names(self) -> Sequence[str]:
        stated = _names_of(self._files[0].features(), self._label_path)
        return stated or tuple(sorted({entry.name for entry in self._all if isinstance(entry.name, str)}))

    @cached_property
    def _label_path(self) -> str:
        """The column of labels, dotted within a struct."""
        return self._path(self.label_column, LABELS, "labels")

    @cached_property
    def _box_path(self) -> str:
        """The column of boxes; empty where there is none."""
        there = _paths(self._files[0])
        return self._path(self.box_column, BOXES, "boxes") if self.box_column or {*BOXES} & {*there} else ""

    def _path(self, given: str | None, usual: Sequence[str], what: str) -> str:
        there = _paths(self._files[0])
        if given is not None:
            if given not in there:
                raise unknown(f"column of {what}", given, there, error=DataError)
            return given
        found = next((path for path in usual if path in there), None)
        if found is None:
            raise DataError(
                f"{self._files[0].path} has no column of {what} ({', '.join(usual)}); it has {cut(', '.join(there))}"
            )
        return found

    def entries(self) -> Iterator[Entry]:
        stated = _names_of(self._files[0].features(), self._label_path)
        columns = {path.partition(".")[0] for path in (self._label_path, self._box_path) if path}
        for number, file in enumerate(self._files):
            names = [name for name, place in self._pack.places.items() if place.file == number]
            rows = (row for n in range(file.portions) for row in file.rows(n, sorted(columns)))
            for name, row in zip(names, rows, strict=True):
                labels = [_label(one, stated, name) for one in _listed(_at(row, self._label_path))]
                boxes = [self._box(box, name) for box in _nested(_at(row, self._box_path))] if self._box_path else []
                if len(labels) == 1:
                    labels *= max(1, len(boxes))
                if boxes and len(labels) != len(boxes):
                    raise DataError(f"image {short(name)} has {len(boxes)} boxes and {len(labels)} labels")
                for label in dict.fromkeys(labels):
                    its = tuple(box for box, own in zip(boxes, labels, strict=True) if own == label) if boxes else ()
                    yield Entry(file=name, name=label, boxes=its)

    def _box(self, values: Any, name: str) -> Box:
        if not isinstance(values, list) or len(values) != 4 or not all(isinstance(v, int | float) for v in values):
            raise DataError(f"image {short(name)} has the box {short(values)}; expected four numbers")
        x0, y0, x1, y1 = map(float, values)
        if not np.isfinite((x0, y0, x1, y1)).all():
            raise DataError(f"image {short(name)} has the box {short(values)}, which is not finite")
        return (x0, y0, x0 + x1, y0 + y1) if self.box_format == "xywh" else (x0, y0, x1, y1)


def _files_in(folder: AnyPath) -> list[str]:
    inside = listing(folder)
    names = [name for name in inside.files if name.endswith(SUFFIXES)]
    for deeper in inside.folders:
        names += [f"{deeper}/{name}" for name in listing(folder / deeper).files if name.endswith(SUFFIXES)]
    return names


def _is_of(split: str, name: str) -> bool:
    """Whether a file is of a split: ``train-00000-of-00002.parquet``, ``train.parquet`` or ``train/0000.parquet``."""
    folder, _, base = name.rpartition("/")
    return folder == split or base.partition(".")[0].partition("-")[0] == split


def _paths(file: TableFile) -> list[str]:
    """The columns, and the fields of those that are structs or lists of structs, dotted."""
    import pyarrow.types as types

    paths: list[str] = []
    for column in file.schema:
        paths.append(column.name)
        kind = column.type.value_type if types.is_list(column.type) or types.is_large_list(column.type) else column.type
        if types.is_struct(kind):
            paths += [f"{column.name}.{kind.field(n).name}" for n in range(kind.num_fields)]
    return paths


def _at(row: Mapping[str, Any], path: str) -> Any:
    column, _, field = path.partition(".")
    value = row[column]
    if not field or value is None:
        return value
    return [one[field] for one in value] if isinstance(value, list) else value[field]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _nested(value: Any) -> list[Any]:
    """Boxes as a list of them; one box alone is a list of one."""
    if not value:
        return []
    return value if isinstance(value[0], list) else [value]


def _label(value: Any, names: Sequence[str], image: str) -> str | int:
    """A label by its name where names are stated."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise DataError(f"image {short(image)} has the label {short(value)}; expected a class index or a name")
    if isinstance(value, str) or not names:
        return value
    if not 0 <= value < len(names):
        raise DataError(f"image {short(image)} has the label {value}, and {len(names)} classes are named")
    return names[value]


def _names_of(features: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """The names of a column's classes; empty where none are stated."""
    node: Any = features
    for part in path.split("."):
        inner = _unwrapped(node)
        node = inner.get(part) if isinstance(inner, dict) else None
    stated = _unwrapped(node)
    names = stated.get("names") if isinstance(stated, dict) else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _unwrapped(node: Any) -> Any:
    """The feature within lists: ``{"feature": ..., "_type": "List"}``, or ``[...]`` in older files."""
    while (isinstance(node, list) and node) or (isinstance(node, dict) and "feature" in node and "_type" in node):
        node = node[0] if isinstance(node, list) else node["feature"]
    return node
