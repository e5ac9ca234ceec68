"""Parts of a data set: by class, by size of the object, by number of objects, by whether the network was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import ConfigError, DataError, unknown
from wsol.report.numbers.rows import numbers

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.runs.folder import RunFolder

    Slicer = Callable[[pa.Table], Mapping[str, NDArray[np.bool_]]]

MANY = 3  # objects from which on images are counted together


def slicer(kind: str, folder: RunFolder) -> Slicer:
    """A function from rows to named masks.

    Parameters
    ----------
    kind : ``class``; ``size``, thirds of the images by the share of the image that the largest ground-truth box covers;
        ``instances``, the number of ground-truth boxes; ``correct``, whether the label was the top class.
    folder : the run; thirds are those of all its images, whatever the rows.
    """
    if kind not in SLICERS:
        raise unknown("slice", kind, SLICERS, error=ConfigError)
    return SLICERS[kind](folder)


def object_share(rows: pa.Table) -> NDArray[np.float64]:
    """(n,): area of the largest ground-truth box over the area of the image; NaN for images without a box."""
    shares = []
    for boxes, width, height in zip(*(rows[c].to_pylist() for c in ("gt_boxes", "width", "height")), strict=True):
        xyxy = np.asarray(boxes, np.float64).reshape(-1, 4)
        areas = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
        shares.append(areas.max() / (width * height) if len(areas) else np.nan)
    share = np.array(shares, np.float64)
    if np.isnan(share).all():
        raise DataError("these rows have no ground-truth boxes to take sizes from; choose another slice")
    return share


def _by_size(folder: RunFolder) -> Slicer:
    third, two_thirds = np.quantile(object_share(max(folder.tables().values(), key=len)), [1 / 3, 2 / 3])

    def sizes(rows: pa.Table) -> dict[str, NDArray[np.bool_]]:
        share = object_share(rows)
        return {
            f"small (<{100 * third:.0f} %)": share < third,
            "medium": (share >= third) & (share < two_thirds),
            f"large (>{100 * two_thirds:.0f} %)": share >= two_thirds,
        }

    return sizes


def _by_class(folder: RunFolder) -> Slicer:
    names: Sequence[str] = folder.manifest.get("class_names", [])

    def classes(rows: pa.Table) -> dict[str, NDArray[np.bool_]]:
        labels = rows["label"].to_numpy()
        return {_class_name(int(label), names): labels == label for label in np.unique(labels)}

    return classes


def _class_name(label: int, names: Sequence[str]) -> str:
    name = names[label] if label < len(names) else ""
    return f"{label} {name}" if name else str(label)


def _instances(rows: pa.Table) -> dict[str, NDArray[np.bool_]]:
    count = np.array([len(boxes) // 4 for boxes in rows["gt_boxes"].to_pylist()])
    masks = {f"{n} object{'s' * (n != 1)}": count == n for n in range(MANY) if (count == n).any()}
    return {**masks, f"{MANY}+ objects": count >= MANY} if (count >= MANY).any() else masks


def _correct(rows: pa.Table) -> dict[str, NDArray[np.bool_]]:
    if "rank" not in rows.column_names:
        raise DataError("these rows don't say what the network predicted; choose another slice")
    ranks = numbers(rows, "rank")
    return {"class right": ranks < 1, "class wrong": ranks >= 1}


SLICERS: dict[str, Callable[[RunFolder], Slicer]] = {
    "class": _by_class,
    "size": _by_size,
    "instances": lambda folder: _instances,
    "correct": lambda folder: _correct,
}
