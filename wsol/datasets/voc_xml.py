"""Annotation files in Pascal VOC's XML, which ImageNet has too."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsol.datasets.fields import Side, each_as, read_bytes, short
from wsol.errors import DataError

if TYPE_CHECKING:
    from wsol.datasets.stores.remote_path import AnyPath
    from wsol.datasets.tree import Box

CORNERS = ("xmin", "ymin", "xmax", "ymax")
LONGEST = 10_000_000  # bytes of one file: a thousand objects take 300 kB


@dataclass(frozen=True, slots=True)
class XmlObject:
    """An object of a file: corners as they stand there."""

    name: str
    box: Box
    difficult: bool


@dataclass(frozen=True, slots=True)
class XmlAnnotation:
    """What is read of a file; `size_wh` is None where it is not stated, or 0 as some tools write."""

    filename: str
    size_wh: tuple[int, int] | None
    objects: tuple[XmlObject, ...]


def read_xml(path: AnyPath) -> XmlAnnotation:
    """Raises DataError for anything but ``annotation`` with ``object``s that have a name and four corners."""
    content = read_bytes(path)
    if len(content) > LONGEST or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(f"{path} is not an annotation of Pascal VOC: it is too long, or defines entities")
    try:
        root = ET.fromstring(content)
    except (ET.ParseError, ValueError, LookupError) as error:  # LookupError: an encoding that Python doesn't know
        raise DataError(f"{path} is not XML: {error}") from error
    if root.tag != "annotation":
        raise DataError(f"{path} is not an annotation of Pascal VOC: its root is {short(root.tag)}")
    objects = tuple(_object(node, number, path) for number, node in enumerate(root.iterfind("object"), start=1))
    return XmlAnnotation(_text(root, "filename"), _size(root), objects)


def _object(node: ET.Element, number: int, path: AnyPath) -> XmlObject:
    name, corners = _text(node, "name"), [_text(node, f"bndbox/{corner}") for corner in CORNERS]
    if not name:
        raise DataError(f"{path}: object {number} has no name")
    try:
        x0, y0, x1, y1 = each_as(corners, float)
    except ValueError as error:
        raise DataError(
            f"{path}: object {number} has the bndbox {short(','.join(corners))}; expected four numbers"
        ) from error
    return XmlObject(name, (x0, y0, x1, y1), _text(node, "difficult") == "1")


def _size(root: ET.Element) -> tuple[int, int] | None:
    try:
        width, height = each_as([_text(root, "size/width"), _text(root, "size/height")], Side)
    except ValueError:
        return None
    return width, height


def _text(node: ET.Element, path: str) -> str:
    return (node.findtext(path) or "").strip()
