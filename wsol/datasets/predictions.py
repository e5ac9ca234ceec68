"""What a network predicted for each image, from a CSV file: for Top-1 and Top-5 Loc of maps that come without it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.datasets.files import read_lines
from wsol.errors import DataError

if TYPE_CHECKING:
    from wsol.datasets.base import Sample

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


def read_predictions(path: Path, samples: Mapping[str, Sample]) -> Predictions:
    """Predictions for `samples`, from lines ``image_id,top1[,top2..top5]`` (class indices), ``image_id,rank`` or
    ``image_id,correct`` (0 or 1), with a header. Images that are not in `samples` are passed over.

    Raises
    ------
    DataError : a file that can't be read, a line that doesn't fit, or images without a prediction.
    """
    numbered = read_lines(path)
    reader = csv.DictReader([line for _, line in numbered], skipinitialspace=True)
    header = list(reader.fieldnames or ())
    top = [name for name in TOP if name in header]
    depth = len(top) if top else 1 if "correct" in header else DEEPEST
    if "image_id" not in header or not (top or {"rank", "correct"} & set(header)):
        raise DataError(f"{path} needs a header image_id,top1[,top2..top5], image_id,rank or image_id,correct")
    if top != list(TOP[: len(top)]):
        raise DataError(f"{path} has the columns {', '.join(top)}; they must be top1, top2, ... without a gap")
    ranks: dict[str, int] = {}
    for line in reader:
        image_id = (line["image_id"] or "").strip()
        if image_id not in samples:
            continue
        if image_id in ranks:
            raise DataError(f"{path} has two predictions for {image_id!r}")
        try:
            ranks[image_id] = _rank(line, samples[image_id].label, top)
        except (TypeError, ValueError) as error:
            number = numbered[reader.line_num - 1][0]
            text = ",".join(str(v) for v in line.values())
            raise DataError(f"{path}, line {number}: {text!r} doesn't fit {','.join(header)}") from error
    missing = [i for i in samples if i not in ranks]
    if missing:
        raise DataError(f"{len(missing)} of {len(samples)} images have no prediction in {path}, first {missing[0]!r}")
    digest = hashlib.sha256(repr((depth, sorted(ranks.items()))).encode()).hexdigest()[:16]
    return Predictions(ranks, depth, digest)


def _rank(line: Mapping[str, str], label: int, top: list[str]) -> int:
    if top:
        classes = [int(line[name]) for name in top]
        return classes.index(label) if label in classes else len(classes)
    if "rank" in line:
        rank = int(line["rank"])
        if rank < 0:
            raise ValueError("a rank counts from 0")
        return rank
    correct = {"1": 0, "true": 0, "0": 1, "false": 1}.get(line["correct"].strip().lower())
    if correct is None:
        raise ValueError("correct is 0 or 1")
    return correct
