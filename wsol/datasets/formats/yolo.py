"""Images with a text file each, in the layout of YOLO: ``images/val/1.jpg`` and ``labels/val/1.txt``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.datasets.base import dataset
from wsol.datasets.fields import each_as, read_bytes, read_lines, short, whole_number
from wsol.datasets.listing import for_each, listing
from wsol.datasets.segments import decode
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Box, Entry, TreeDataset
from wsol.errors import DataError, unknown
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLITS = ("val", "valid", "test", "train")  # in the order in which a tree's split is guessed
CONFIGS = ("data.yaml", "data.yml", "dataset.yaml")
NAMES = ("classes.txt", "obj.names", "labels.txt")
BEYOND = 0.01  # of the image: how far published files reach outside by rounding
ROUNDING = 1.0  # pixels that a box may do so without being counted as cut off


@dataset("yolo")
class Yolo(TreeDataset):
    """A tree in YOLO's layout: lines ``class x y w h`` (center and sides as shares of the image), or polygons.

    Polygons, ``class x y x y ...``, give a mask and their bounds as the box. Images are in ``images/SPLIT`` or
    ``SPLIT/images``, or without splits in ``images``; names of classes in ``data.yaml`` or ``classes.txt``. An image
    with several classes is one row for each, with the id ``file#class``; images without an object are left out.
    """

    split: str = option("val", help="the folder of the split; empty for a tree without splits")

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        for split in (*SPLITS, ""):
            folders = _folders(path, split)
            if folders is not None and any(name.endswith(".txt") for name in listing(path / folders[1]).files):
                return [{"root": str(path), "split": split}]
        return []

    @cached_property
    def class_names(self) -> Sequence[str]:
        """In the order of the class indices, which is the network's; empty where no file names them."""
        return self._names

    def entries(self) -> Iterator[Entry]:
        folders = _folders(self.folder, self.split)
        if folders is None:
            there = [split for split in (*SPLITS, "") if _folders(self.folder, split) is not None]
            raise unknown(f"split in {self.folder} called", self.split, there, error=DataError)
        images, labels = folders
        files = {name[:-4] for name in listing(self.folder / labels).files if name.endswith(".txt")}
        stems = [(name, Path(name).stem) for name in listing(self.folder / images).images]
        named = [f"{images}/{name}" for name, stem in stems if stem in files]
        texts = [self.folder / labels / f"{Path(file).stem}.txt" for file in named]
        sizes, contents = self.sizes_of(self.store, named), for_each(read_lines, texts)
        for file, size, path, lines in zip(named, sizes, texts, contents, strict=True):
            yield from self._of(file, path, lines, size)

    def _of(
        self, file: str, path: AnyPath, lines: Sequence[tuple[int, str]], size_wh: tuple[int, int]
    ) -> Iterator[Entry]:
        boxes: dict[int, list[Box]] = {}
        polygons: dict[int, list[tuple[float, ...]]] = {}
        for number, line in lines:
            label, values = self._line(line, path, number)
            scaled = tuple(v * size_wh[n % 2] for n, v in enumerate(values))
            if len(values) == 4:
                x, y, w, h = scaled
                boxes.setdefault(label, []).append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
            else:
                xs, ys = scaled[::2], scaled[1::2]
                boxes.setdefault(label, []).append((min(xs), min(ys), max(xs), max(ys)))
                polygons.setdefault(label, []).append(scaled)
        for label, its in boxes.items():
            outline = polygons.get(label, ())
            whole = tuple(outline) if len(outline) == len(its) else None  # a mask must show every object
            name = self._names[label] if self._names else label
            rounded = tuple(_inside(box, size_wh) for box in its)
            yield Entry(file=file, name=name, boxes=rounded, size_wh=size_wh, outline=whole)

    def _line(self, line: str, path: AnyPath, number: int) -> tuple[int, tuple[float, ...]]:
        """The class index and the shares of a line. Raises DataError."""
        first, *rest = line.split()
        label = whole_number(first)
        try:
            values = each_as(rest, float)
        except ValueError:
            values = ()
        if label is None or label < 0 or not (len(values) == 4 or (len(values) >= 6 and len(values) % 2 == 0)):
            raise DataError(f"{path}, line {number}: {short(line)} should be 'class x y w h', or 'class' and a polygon")
        if not all(-BEYOND <= v <= 1 + BEYOND for v in values):
            raise DataError(f"{path}, line {number}: {short(line)} has a value outside 0 to 1; they are shares")
        if self._names and label >= len(self._names):
            raise DataError(f"{path}, line {number}: class {label} has no name; {len(self._names)} classes are named")
        return label, values

    def entry_mask(self, entry: Entry, size_wh: tuple[int, int]) -> NDArray[np.uint8] | None:
        if not isinstance(entry.outline, tuple):
            return None
        try:
            return decode([list(polygon) for polygon in entry.outline], size_wh).astype(np.uint8)
        except ValueError as error:
            raise DataError(f"image {short(entry.file)} has an unusable polygon: {error}") from error

    @cached_property
    def _names(self) -> tuple[str, ...]:
        for name in CONFIGS:
            if (path := self.folder / name).is_file():
                return _names_in(path)
        for name in NAMES:
            if (path := self.folder / name).is_file():
                return tuple(line for _, line in read_lines(path))
        return ()


def _folders(root: AnyPath, split: str) -> tuple[str, str] | None:
    """The folders of images and of labels, below a root; None where they are not there."""
    pairs = [(f"images/{split}", f"labels/{split}"), (f"{split}/images", f"{split}/labels")]
    for images, labels in pairs if split else [("images", "labels")]:
        if (root / images).is_dir() and (root / labels).is_dir():
            return images, labels
    return None


def _names_in(path: AnyPath) -> tuple[str, ...]:
    """The entry ``names`` of a YAML file: a list, or a mapping from index to name. Raises DataError."""
    import yaml

    try:
        content: Any = yaml.safe_load(read_bytes(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not YAML: {str(error).splitlines()[0]}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and [*names] == [*range(len(names))]:
        names = list(names.values())
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise DataError(f"{path} has no 'names' that is a list, or a mapping from 0, 1, ... to names")
    return tuple(map(str, names))


def _inside(box: Box, size_wh: tuple[int, int]) -> Box:
    """A box without what rounding put outside."""
    inside = np.clip(box, 0, np.tile(size_wh, 2))
    x0, y0, x1, y1 = np.where(np.abs(np.subtract(box, inside)) <= ROUNDING, inside, box).tolist()
    return x0, y0, x1, y1
