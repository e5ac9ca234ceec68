"""What a network predicted for each image, from a CSV file: for Top-1 and Top-5 Loc of maps that come without it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.datasets.fields import Rank, read_table, short, typed
from wsol.datasets.labels import label_reader
from wsol.errors import DataError

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset

DEEPEST = 1000  # a rank that is given is known to any depth
TOP = tuple(f"top{k}" for k in range(1, 6))


@dataclass(frozen=True, slots=True)
class Predictions:
    """Ranks of the labels.

    Attributes
    ----------
    ranks : by image id, how many classes score higher than the label; `depth` stands for "that many or more".
    depth : to which depth ranks are known: 1 where only the first class is.
    fingerprint : changes with the file.
    """

    ranks: Mapping[str, int]
    depth: int
    fingerprint: str

    def columns(self, image_id: str) -> dict[str, Any]:
        """The columns of an image's row that hold its class."""
        return {"rank": self.ranks[image_id], "rank_depth": self.depth}


def read_predictions(path: Path, data: Dataset) -> Predictions:
    """Predictions for `data`, from lines ``image_id,top1[,top2..top5]``, ``image_id,rank`` or ``image_id,correct`` (0
    or 1), with a header. Images that the dataset lacks are passed over.

    Classes are names, class indices or category ids, see `wsol.datasets.labels.label_reader`.

    Raises
    ------
    DataError : a file that can't be read, a line or a class that doesn't fit, or images without a prediction.
    """
    labels = {sample.image_id: sample.label for sample in data.samples()}
    header, rows = read_table(path)
    top = [name for name in TOP if name in header]
    depth = len(top) if top else 1 if "correct" in header else DEEPEST
    if "image_id" not in header or not (top or {"rank", "correct"} & set(header)):
        raise DataError(f"{path} needs a header image_id,top1[,top2..top5], image_id,rank or image_id,correct")
    if top != list(TOP[: len(top)]):
        raise DataError(f"{path} has the columns {', '.join(top)}; they must be top1, top2, ... without a gap")
    classes: dict[str, list[str]] = {}
    ranks: dict[str, int] = {}
    for number, line in rows:
        image_id = line["image_id"]
        if image_id not in labels:
            continue
        if image_id in ranks:
            raise DataError(f"{path} has two predictions for {short(image_id)}")
        try:
            classes[image_id] = [line[name] for name in top]
            if not all(classes[image_id]):
                raise ValueError("a class is missing")
            ranks[image_id] = 0 if top else _rank(line)
        except ValueError as error:
            text = short(",".join(line.values()))
            raise DataError(f"{path}, line {number}: {text} doesn't fit {','.join(header)} ({error})") from error
    missing = [i for i in labels if i not in ranks]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(labels)} images have no prediction in {path}, first {short(missing[0])}"
        )
    if top:
        try:
            label_of = label_reader({one for several in classes.values() for one in several}, data)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        for image_id, several in classes.items():
            found = [label_of(one) for one in several]
            label = labels[image_id]
            ranks[image_id] = found.index(label) if label in found else len(found)
    digest = hashlib.sha256(repr((depth, sorted(ranks.items()))).encode()).hexdigest()[:16]
    return Predictions(ranks, depth, digest)


def _rank(line: Mapping[str, str]) -> int:
    if "rank" in line:
        return typed(line["rank"], Rank)
    correct = {"1": 0, "true": 0, "1.0": 0, "0": 1, "false": 1, "0.0": 1}.get(line["correct"].lower())
    if correct is None:
        raise ValueError("correct is 0 or 1")
    return correct
