"""Images with a JSON file each, as LabelMe writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta, Struct

from wsol.datasets.base import dataset
from wsol.datasets.fields import Side, read_json, short
from wsol.datasets.listing import for_each, listing
from wsol.datasets.segments import decode
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tree import Box, Entry, TreeDataset
from wsol.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

AREAS = ("polygon", "rectangle", "circle")  # shapes that have an inside
CORNERS = 32  # of the polygon that stands for a circle
Point = tuple[float, float]


class Shape(Struct, frozen=True):
    """An outline of a file."""

    label: Annotated[str, Meta(min_length=1)]
    points: list[Point]
    shape_type: str = "polygon"


class LabelMeFile(Struct, frozen=True, rename="camel"):
    """What is read of a LabelMe file; its copy of the image is not."""

    image_path: Annotated[str, Meta(min_length=1)]
    image_width: Side
    image_height: Side
    shapes: list[Shape] = []


@dataset("labelme")
class LabelMe(TreeDataset):
    """A folder of LabelMe's JSON files, each beside its image; folders in it are looked into.

    Polygons, rectangles and circles count, each with its bounds as the box and its inside as the mask. An image with
    several classes is one row for each, with the id ``file#class``.
    """

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        first = next((path / name for name in _json_files(path)), None)
        if first is None or not first.is_file():
            return []
        try:
            _read(first)
        except DataError:
            return []
        return [{"root": str(path)}]

    def entries(self) -> Iterator[Entry]:
        names = _json_files(self.folder)
        contents = for_each(_read, [self.folder / name for name in names])
        for name, content in zip(names, contents, strict=True):
            path = self.folder / name
            size = (content.image_width, content.image_height)
            image = PurePosixPath(content.image_path.replace("\\", "/")).name  # often the path on another machine
            outlines: dict[str, list[list[Point]]] = {}
            for shape in content.shapes:
                if shape.shape_type in AREAS:
                    outlines.setdefault(shape.label, []).append(_polygon(shape, path))
            for label, polygons in outlines.items():
                yield Entry(
                    file=str(PurePosixPath(name).with_name(image)),
                    name=label,
                    boxes=tuple(map(_bounds, polygons)),
                    size_wh=size,
                    outline=polygons,
                )

    def entry_mask(self, entry: Entry, size_wh: tuple[int, int]) -> NDArray[np.uint8] | None:
        assert isinstance(entry.outline, list)
        try:
            return decode([[v for point in p for v in point] for p in entry.outline], size_wh).astype(np.uint8)
        except ValueError as error:
            raise DataError(f"image {short(entry.file)} has an unusable outline: {error}") from error


def _read(path: AnyPath) -> LabelMeFile:
    return read_json(path, LabelMeFile, what="a file of LabelMe")


def _json_files(root: AnyPath) -> list[str]:
    inside = listing(root)
    names = [name for name in inside.files if name.endswith(".json")]
    listings = for_each(listing, [root / folder for folder in inside.folders])
    for folder, its in zip(inside.folders, listings, strict=True):
        names += [f"{folder}/{name}" for name in its.files if name.endswith(".json")]
    return names


def _polygon(shape: Shape, path: AnyPath) -> list[Point]:
    """The outline of a shape as a polygon. Raises DataError for one with too few points."""
    needed = {"polygon": 3, "rectangle": 2, "circle": 2}[shape.shape_type]
    points = shape.points
    if len(points) < needed or (needed == 2 and len(points) > needed):
        raise DataError(
            f"{path}: a {shape.shape_type} of {short(shape.label)} has {len(points)} points; expected {needed}"
        )
    if not np.isfinite(points).all():
        raise DataError(f"{path}: a {shape.shape_type} of {short(shape.label)} has a point that is not finite")
    if shape.shape_type == "rectangle":
        (x0, y0), (x1, y1) = points
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if shape.shape_type == "circle":
        (x, y), edge = points
        angles, radius = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False), float(np.hypot(edge[0] - x, edge[1] - y))
        return [(x + radius * float(np.cos(a)), y + radius * float(np.sin(a))) for a in angles]
    return points


def _bounds(polygon: list[Point]) -> Box:
    xs, ys = zip(*polygon, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
