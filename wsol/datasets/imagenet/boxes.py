"""The boxes of ImageNet: one XML per image, Kaggle's CSV, or the lists of wsolevaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from wsol.datasets.fields import each_as, read_table, short
from wsol.datasets.formats.wsolevaluation import LIST, LISTS, WsolEvaluation
from wsol.datasets.imagenet.images import WNID, Found
from wsol.datasets.labels import wnids
from wsol.datasets.listing import for_each, listing
from wsol.datasets.stores.copies import copied
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.voc_xml import read_xml
from wsol.errors import DataError, unknown

if TYPE_CHECKING:
    from wsol.datasets.tree import Box

XML_PLACES = (  # folders of XML files, below a root
    "ILSVRC/Annotations/CLS-LOC/{split}",
    "Annotations/CLS-LOC/{split}",
    "Annotations/{split}",
    "ILSVRC2012_bbox_{split}_v3/{split}",
    "ILSVRC2012_bbox_{split}_v3",
    "bbox/{split}",
    "bbox",
    "{split}",  # where the images are, too: the archive of boxes unpacks to val/
    "",
)
CSV_PLACES = ("LOC_{split}_solution.csv", "ILSVRC/LOC_{split}_solution.csv")
LIST_PLACES = ("metadata/ILSVRC/test", "../metadata/ILSVRC/test", "metadata", "")


@dataclass(frozen=True, slots=True)
class Truth:
    """The class and the boxes of an image, and the file that says so."""

    wnid: str
    boxes: tuple[Box, ...]
    source: AnyPath


def find_boxes(root: AnyPath, split: str) -> AnyPath | None:
    """Where the boxes below a root are: a folder of XML files, a CSV, or a folder of lists; None without any."""
    for place in XML_PLACES:
        if _holds_xml(folder := root / place.format(split=split)):
            return folder
    for place in CSV_PLACES:
        if (file := root / place.format(split=split)).is_file():
            return file
    lists = [root / place for place in LIST_PLACES] if split == "val" else []
    return next((folder for folder in lists if (folder / LIST).is_file()), None)


def read_boxes(source: AnyPath, images: Sequence[Found]) -> Mapping[str, Truth]:
    """By image id what `source` says of it; images that it does not know are left out. Raises DataError."""
    if source.is_file():
        return _from_csv(source)
    if (source / LIST).is_file():
        return _from_lists(source)
    return _from_xml(source, images)


def _holds_xml(folder: AnyPath) -> bool:
    inside = listing(folder)
    if any(name.endswith(".xml") for name in inside.files):
        return True
    deeper = next((name for name in inside.folders if WNID.fullmatch(name)), None)
    return deeper is not None and any(name.endswith(".xml") for name in listing(folder / deeper).files)


def _from_xml(folder: AnyPath, images: Sequence[Found]) -> dict[str, Truth]:
    inside = listing(folder)
    files = {name[:-4]: folder / name for name in inside.files if name.endswith(".xml")}
    classes = [folder / name for name in inside.folders if WNID.fullmatch(name)]
    for deeper, its in zip(classes, for_each(listing, classes), strict=True):
        files |= {name[:-4]: deeper / name for name in its.files if name.endswith(".xml")}
    wanted = {found.image_id for found in images}
    known = {image_id: path for image_id, path in files.items() if image_id in wanted}
    return dict(zip(known, for_each(_truth, list(known.values())), strict=True))


def _truth(path: AnyPath) -> Truth:
    objects = read_xml(path).objects
    names = sorted({one.name for one in objects})
    if len(names) != 1:
        raise DataError(f"{path} has {len(names)} classes, {short(','.join(names))}; an image of ImageNet has one")
    return Truth(names[0], tuple(one.box for one in objects), path)


def _from_csv(path: AnyPath) -> dict[str, Truth]:
    header, rows = read_table(path)
    for column in ("ImageId", "PredictionString"):
        if column not in header:
            raise unknown(f"column in {path} called", column, header, error=DataError)
    truth: dict[str, Truth] = {}
    for number, line in rows:
        fields = line["PredictionString"].split()
        names = set(fields[::5])
        try:
            corners = [each_as(fields[n + 1 : n + 5], float) for n in range(0, len(fields), 5)]
        except ValueError:
            corners = []
        if len(names) != 1 or not corners or any(len(box) != 4 for box in corners):
            raise DataError(
                f"{path}, line {number}: {short(line['PredictionString'])} should be 'wnid x0 y0 x1 y1', repeated, of "
                "one class"
            )
        if line["ImageId"] in truth:
            raise DataError(f"{path}, line {number}: the image {short(line['ImageId'])} stands twice")
        boxes = tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in corners)
        truth[line["ImageId"]] = Truth(names.pop(), boxes, path)
    return truth


def _from_lists(folder: AnyPath) -> dict[str, Truth]:
    known = list(wnids())
    truth: dict[str, Truth] = {}
    for sample in WsolEvaluation(images=None, metadata=copied(folder, LISTS)).samples():
        if sample.label >= len(known):
            raise DataError(f"{folder} has label {sample.label}; ImageNet's are 0 to {len(known) - 1}")
        boxes = tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in sample.boxes_xyxy.tolist())
        truth[PurePosixPath(sample.image_id).stem] = Truth(known[sample.label], boxes, folder)
    return truth
