"""What a network predicted for each image, from a file: for Top-1 and Top-5 Loc with classes from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.datasets.fields import Rank, cut, read_bytes, read_table, short, typed
from wsol.datasets.labels import label_reader
from wsol.datasets.ranks import classification
from wsol.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.base import Dataset

DEEPEST = 1000  # a rank that is given is known to any depth
TOP = tuple(f"top{k}" for k in range(1, 6))
SUFFIXES = (".csv", ".npz")
HEADERS = "image_id,top1[,top2..top5], image_id,rank, image_id,correct or, for logits, image_id,0,1,2,..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Ranks of the labels.

    Attributes
    ----------
    label : the file's name, as tables say where the classes are from.
    ranks : by image id, how many classes score higher than the label; `depth` stands for "that many or more".
    depth : to which depth ranks are known: 1 where only the first class is.
    fingerprint : changes with what the file says of the dataset's images.
    logits : by image id, (C,), where the file has them.
    known : by image id, the columns of its row; those that a network gives where there are logits.
    """

    label: str
    ranks: Mapping[str, int]
    depth: int
    fingerprint: str
    logits: Mapping[str, NDArray[Any]] | None = None
    known: Mapping[str, Mapping[str, Any]]

    @property
    def identity(self) -> str:
        """What decides the classes; part of a run's identity."""
        return self.fingerprint

    def columns(self, image_id: str) -> Mapping[str, Any]:
        """The columns of an image's row that hold its class."""
        return self.known[image_id]


def read_predictions(path: Path, data: Dataset, *, num_classes: int | None = None) -> Predictions:
    """Predictions for `data`. Images that the dataset lacks are passed over.

    A CSV file has lines ``image_id,top1[,top2..top5]``, ``image_id,rank``, ``image_id,correct`` (0 or 1) or
    ``image_id,0,1,2,...`` (a logit for each class), with a header. A .npz file has logits: an array (C,) by image id,
    or ``image_id`` (n,) and ``logits`` (n, C). Classes are names, class indices or category ids, see
    `wsol.datasets.labels.label_reader`; logits are in the order of the class indices.

    Parameters
    ----------
    num_classes : how many logits there must be, where it is known; the dataset's own number by default.

    Raises
    ------
    DataError : a file that can't be read, a line or a class that doesn't fit, another number of classes, or images
        without a prediction.
    """
    labels = {sample.image_id: sample.label for sample in data.samples()}
    if path.suffix.lower() == ".npz":
        return _of_logits(path, labels, _npz_logits(path, labels), num_classes or data.num_classes)
    header, rows = read_table(path)
    if _is_of_logits(header):
        return _of_logits(path, labels, _csv_logits(path, rows), num_classes or data.num_classes)
    top = [name for name in TOP if name in header]
    depth = len(top) if top else 1 if "correct" in header else DEEPEST
    if "image_id" not in header or not (top or {"rank", "correct"} & set(header)):
        raise DataError(f"{path} needs a header {HEADERS}")
    if top != list(TOP[: len(top)]):
        raise DataError(f"{path} has the columns {cut(', '.join(top))}; they must be top1, top2, ... without a gap")
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
            raise DataError(f"{path}, line {number}: {text} doesn't fit {cut(','.join(header))} ({error})") from error
    _check_complete(path, labels, ranks)
    if top:
        try:
            label_of = label_reader({one for several in classes.values() for one in several}, data)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        for image_id, several in classes.items():
            found = [label_of(one) for one in several]
            label = labels[image_id]
            ranks[image_id] = found.index(label) if label in found else len(found)
            if num_classes is not None and max(found) >= num_classes:
                raise DataError(
                    f"{path} predicts class {max(found)} for {short(image_id)}, and there are {num_classes} classes "
                    f"(0 to {num_classes - 1})"
                )
    digest = hashlib.sha256(repr((depth, sorted(ranks.items()))).encode()).hexdigest()[:16]
    known = {image_id: {"rank": rank, "rank_depth": depth} for image_id, rank in ranks.items()}
    return Predictions(label=path.name, ranks=ranks, depth=depth, fingerprint=digest, known=known)


def _rank(line: Mapping[str, str]) -> int:
    if "rank" in line:
        return typed(line["rank"], Rank)
    correct = {"1": 0, "true": 0, "1.0": 0, "0": 1, "false": 1, "0.0": 1}.get(line["correct"].lower())
    if correct is None:
        raise ValueError("correct is 0 or 1")
    return correct


def _check_complete(path: Path, labels: Mapping[str, int], found: Mapping[str, Any]) -> None:
    missing = [i for i in labels if i not in found]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(labels)} images have no prediction in {path}, first {short(missing[0])}"
        )


def _is_of_logits(header: Sequence[str]) -> bool:
    """``image_id,0,1,2,...``: at least two classes, none left out."""
    return len(header) > 2 and header[0] == "image_id" and header[1:] == [str(k) for k in range(len(header) - 1)]


def _csv_logits(path: Path, rows: Iterator[tuple[int, dict[str, str]]]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for number, line in rows:
        image_id, *values = line.values()
        if image_id in found:
            raise DataError(f"{path} has two predictions for {short(image_id)}")
        try:
            found[image_id] = np.array(values, np.float64)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: a logit is not a number ({error})") from error
    return found


def _npz_logits(path: Path, labels: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    read_bytes(path)  # says what is wrong with a path that is not a file
    try:
        with np.load(path, allow_pickle=False) as archive:
            if {*archive.files} == {"image_id", "logits"}:
                ids, logits = [str(i) for i in archive["image_id"].ravel()], archive["logits"]
                if logits.ndim != 2 or len(logits) != len(ids):
                    raise DataError(f"{path}: logits are {logits.shape}, for {len(ids)} image ids; expected (n, C)")
                if len({*ids}) < len(ids):
                    raise DataError(f"{path} has two predictions for an image")
                return dict(zip(ids, logits, strict=True))
            return {name: archive[name] for name in archive.files if name in labels}
    except DataError:
        raise
    except Exception as error:  # numpy and zipfile raise many kinds for what is not an archive of arrays
        raise DataError(f"{path} is not a .npz file of logits: {error}") from error


def _of_logits(
    path: Path, labels: Mapping[str, int], found: Mapping[str, NDArray[Any]], num_classes: int | None
) -> Predictions:
    """Raises DataError for images without logits, logits that aren't numbers, and another number of classes."""
    _check_complete(path, labels, found)
    logits = {image_id: np.asarray(found[image_id]) for image_id in labels}
    shapes = {one.shape: image_id for image_id, one in logits.items()}
    first = next(iter(logits.values()))
    if len(shapes) > 1 or first.ndim != 1 or len(first) < 2:
        shape, image_id = next((s, i) for s, i in reversed(shapes.items()))
        raise DataError(
            f"{path}: the logits of {short(image_id)} have shape {shape}; expected (C,), with the same C for all"
        )
    count, highest = len(first), max(labels.values())
    if (num_classes is not None and count != num_classes) or highest >= count:
        wanted = f"{num_classes} classes" if num_classes is not None and count != num_classes else f"label {highest}"
        raise DataError(f"{path} has {count} logits per image, and the data and network have {wanted}")
    bad = next((i for i, one in logits.items() if one.dtype.kind not in "fiu" or not np.isfinite(one).all()), None)
    if bad is not None:
        raise DataError(f"{path}: the logits of {short(bad)} are not all finite numbers")
    digest = hashlib.sha256()
    for image_id, one in sorted(logits.items()):
        digest.update(f"{image_id} {one.dtype};".encode() + np.ascontiguousarray(one).tobytes())
    known = {image_id: classification(one, labels[image_id]) for image_id, one in logits.items()}
    ranks = {image_id: int(columns["rank"]) for image_id, columns in known.items()}
    return Predictions(
        label=path.name,
        ranks=ranks,
        depth=DEEPEST,
        fingerprint=digest.hexdigest()[:16],
        logits=logits,
        known=known,
    )
