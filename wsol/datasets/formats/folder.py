"""Your own images: a folder, and a CSV file with one box per line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from wsol.datasets import checks, paths
from wsol.datasets.base import Sample, dataset
from wsol.datasets.fields import Side, check_unique, cut, each_as, read_table, short, whole_number
from wsol.datasets.files import FileDataset
from wsol.datasets.listing import is_there, listing
from wsol.datasets.stores.remote_path import AnyPath
from wsol.errors import DataError, unknown
from wsol.options import option

COLUMNS = ("image_id", "label", "x0", "y0", "x1", "y1")
SIZE_COLUMNS = ("width", "height")
NOT_NAMES = ("nan", "none", "null", "inf", "n/a")  # how tools write that there is no label
Size = tuple[int, int]


@dataset("folder")
class Folder(FileDataset):
    """Images in a folder with a CSV of boxes: `image_id,label,x0,y0,x1,y1`, several lines for several boxes.

    An image with several labels is one row for each, with the id ``file#label``. Boxes are pixels of the stored image,
    right and bottom at most its width and height; what they mean (inclusive or half-open) stays as in the file. Labels
    are whole numbers (109 or 109.0), as the network counts from 0; if none is one, they are names or WordNet ids, which
    get the network's numbers (`wsol.datasets.labels.match_class_indices`).
    """

    suffix: ClassVar[str] = ".csv"

    annotations: Path | str = option(
        help="the CSV file with a header line, or its URL; with columns width,height no image is opened for its size"
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        names = [path] if path.is_file() else [path / name for name in listing(path).files]
        tables = [(file, first) for file in names if file.suffix == ".csv" and (first := _first_image(file))]
        options = []
        for file, image in tables:
            places = (place for place in (file.parent, file.parent / "images") if is_there(place / image))
            options.append({"images": next(map(str, places), None), "annotations": str(file)})
        return options

    @property
    def numbers_names(self) -> bool:
        return not self._numbered

    @property
    def class_names(self) -> Sequence[str]:
        return () if self._numbered else tuple(self._labels)

    def file_name(self, sample: Sample) -> str:
        return self._rows[sample.image_id][0]

    @cached_property
    def _lines(self) -> list[tuple[str, str, tuple[float, ...], Size | None]]:
        """(image, label, box, size or None) of every line."""
        if paths.is_folder(Path(self.annotations)):
            raise DataError(
                f"dataset.annotations={self.annotations} is a folder, not a CSV file; for the lists of wsolevaluation "
                f"use dataset=wsolevaluation dataset.metadata={self.annotations}"
            )
        path = self.local_file(self.annotations, option="dataset.annotations")
        header, rows = read_table(path)
        for column in COLUMNS:
            if column not in header:
                raise unknown(f"column in {path} called", column, header, error=DataError)
        sized = all(column in header for column in SIZE_COLUMNS)
        lines: list[tuple[str, str, tuple[float, ...], Size | None]] = []
        boxless: list[int] = []
        for number, line in rows:
            if not any(line[c] for c in COLUMNS[2:]):
                boxless.append(number)
                continue
            image, label = line["image_id"], line["label"]
            if not image or not label:
                raise DataError(f"{path}, line {number} has no {'label' if image else 'image_id'}")
            try:
                box = each_as([line[c] for c in COLUMNS[2:]], float)
                width_height = each_as([line[c] for c in SIZE_COLUMNS], Side) if sized else ()
            except ValueError as error:
                values, names = short(",".join(line.values())), cut(",".join(header))
                raise DataError(f"{path}, line {number}: {values} doesn't fit {names} ({error})") from error
            lines.append((image, label, box, (width_height[0], width_height[1]) if sized else None))
        if boxless:
            raise DataError(
                f"{len(boxless)} of {len(boxless) + len(lines)} lines of {path} have no box, first {boxless[0]}"
            )
        if not lines:
            raise DataError(f"{path} has no line below its header: the dataset is empty")
        return lines

    @cached_property
    def _written(self) -> Mapping[str, int | None]:
        """Label as written to the number it is, None for a name; sorted."""
        return {label: whole_number(label) for label in sorted({label for _, label, _, _ in self._lines})}

    @cached_property
    def _numbered(self) -> bool:
        """Whether labels are numbers. Raises DataError for a mixture, and for what is neither."""
        names = [label for label, number in self._written.items() if number is None]
        wrong = next(
            (n for n in names if not any(map(str.isalpha, n)) or n.casefold() in NOT_NAMES or _is_number(n)), None
        )
        if wrong is not None:
            raise DataError(f"{self.annotations} has the label {short(wrong)}, neither a whole number nor a name")
        if names and len(names) < len(self._written):
            raise DataError(
                f"{self.annotations} mixes numbers and names as labels, for example {short(names[0])}; use one kind"
            )
        return not names

    @cached_property
    def _labels(self) -> Mapping[str, int]:
        """Label as written to label as counted."""
        numbered = self._numbered
        return {
            label: number if numbered and number is not None else place
            for place, (label, number) in enumerate(self._written.items())
        }

    @cached_property
    def _rows(self) -> dict[str, tuple[str, str, list[tuple[float, ...]], Size | None]]:
        """Row id to (image, label, boxes, size), sorted by id."""
        boxes: dict[str, dict[str, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
        sizes: dict[str, Size | None] = {}
        for image, label, box, size in self._lines:
            if sizes.setdefault(image, size) != size:
                raise DataError(f"image {short(image)} has two sizes in {self.annotations}: {sizes[image]} and {size}")
            boxes[image][label].append(box)
        rows = [
            (image if len(labels) == 1 else f"{image}#{label}", (image, label, its_boxes, sizes[image]))
            for image, labels in boxes.items()
            for label, its_boxes in labels.items()
        ]
        check_unique((name for name, _ in rows), self.annotations, what="image id")
        return dict(sorted(rows, key=lambda row: row[0])[: self.at_most])

    def read(self) -> Sequence[Sample]:
        rows = list(self._rows.values())
        names = [image for image, _, _, _ in rows]
        sizes = [size for _, _, _, size in rows if size is not None]
        folder = self.present(names)
        if folder is not None:
            sizes = sizes if len(sizes) == len(rows) else self.sizes_of(folder, names)
        elif len(sizes) < len(rows):
            raise DataError(f"{self.annotations} has no columns width,height, and without images sizes are unknown")
        owners = np.repeat(np.arange(len(rows)), [len(its_boxes) for _, _, its_boxes, _ in rows])
        boxes = np.array([box for _, _, its_boxes, _ in rows for box in its_boxes], np.float64)
        labels = [self._labels[label] for _, label, _, _ in rows]
        return checks.make_samples(list(self._rows), labels, sizes, boxes, owners, where=self.annotations)


def _first_image(file: AnyPath) -> str:
    """The image of a table's first line; empty where the columns are others."""
    try:
        header, rows = read_table(file)
        return next(rows)[1]["image_id"] if {*COLUMNS} <= {*header} else ""
    except (DataError, StopIteration):
        return ""


def _is_number(text: str) -> bool:
    """Whether a text is a number of any size, 1e400 too."""
    try:
        float(text)
    except ValueError:
        return False
    return True
