"""Places365 (Zhou et al., 2017): validation labels, and boxes from a CSV where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from wsol.datasets.base import dataset
from wsol.datasets.fields import each_as, read_lines, read_table, short, whole_number
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Box, Entry, TreeDataset
from wsol.errors import DataError, unknown
from wsol.options import option

LABELS = ("places365_val.txt", "filelist_places365-standard/places365_val.txt")
CATEGORIES = ("categories_places365.txt", "filelist_places365-standard/categories_places365.txt")
IMAGES = ("val_256", "val_large", "val")
COLUMNS = ("image_id", "x0", "y0", "x1", "y1")


@dataset("places")
class Places(TreeDataset):
    """Places365: images in ``val_256/`` or ``val_large/``, labels in ``places365_val.txt``.

    The set has no boxes: metrics that query the network need none (protocol=[] metric=[...]); `annotations` gives some.
    """

    annotations: Path | str | None = option(
        None, help="CSV of boxes or its URL, image_id,x0,y0,x1,y1 in pixels; images that it does not name are left out"
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        labels = any((path / name).is_file() for name in LABELS)
        there = labels and any((path / name).is_dir() for name in IMAGES)
        return [{"root": str(path), "annotations": None}] if there else []

    @property
    def split(self) -> str:
        return "val"

    @cached_property
    def class_names(self) -> Sequence[str]:
        """``airfield``, ``airplane_cabin``, ...: the network's order."""
        path = self.first_of(*CATEGORIES)
        pairs = [] if path is None else [line.rsplit(maxsplit=1) for _, line in read_lines(path)]
        wrong = next((place for place, pair in enumerate(pairs) if pair[1:] != [str(place)]), None)
        if wrong is not None:
            raise DataError(f"{path}: line {wrong + 1} should end in {wrong}, the class index: {short(pairs[wrong])}")
        return tuple(name.removeprefix(f"/{name[1:2]}/") for name, _ in pairs)

    def entries(self) -> Iterator[Entry]:
        folder = next((name for name in IMAGES if (self.folder / name).is_dir()), None)
        path = self.first_of(*LABELS)
        if folder is None or path is None:
            missing = f"a folder {', '.join(IMAGES)}" if folder is None else LABELS[0]
            raise DataError(f"dataset.root={self.root} lacks {missing}")
        names = self.class_names
        for number, line in read_lines(path):
            name, *rest = line.split()
            label = whole_number(rest[0]) if len(rest) == 1 else None
            if label is None or label < 0 or (names and label >= len(names)):
                raise DataError(f"{path}, line {number}: {short(line)} should be an image and its class index")
            if self._boxes is None or name in self._boxes:
                boxes = tuple(self._boxes[name]) if self._boxes else ()
                yield Entry(image_id=name, file=f"{folder}/{name}", name=names[label] if names else label, boxes=boxes)

    @cached_property
    def _boxes(self) -> Mapping[str, list[Box]] | None:
        if self.annotations is None:
            return None
        path = self.place_of(self.annotations, option="dataset.annotations", folder=False)
        header, rows = read_table(path)
        for column in COLUMNS:
            if column not in header:
                raise unknown(f"column in {path} called", column, header, error=DataError)
        boxes: dict[str, list[Box]] = {}
        for number, line in rows:
            try:
                x0, y0, x1, y1 = each_as([line[column] for column in COLUMNS[1:]], float)
            except ValueError as error:
                raise DataError(
                    f"{path}, line {number}: {short(','.join(line.values()))} has no four numbers"
                ) from error
            boxes.setdefault(line["image_id"], []).append((x0, y0, x1, y1))
        return boxes
