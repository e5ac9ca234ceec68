"""From annotations of any format to checked samples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.datasets.base import Sample
from wsol.datasets.fields import short
from wsol.errors import ConfigError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_PIXELS = 178_956_970  # what Pillow opens at most: twice its MAX_IMAGE_PIXELS


def check_called(called: str) -> None:
    """Raises ConfigError for a name that can't be part of a folder's name."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", called) or called.startswith("."):
        raise ConfigError(f"dataset.called={called!r} can't name a run: use letters, digits, '_', '-' and '.'")


def check_all(what: str, ids: Iterable[str], known: Iterable[str], *, where: object) -> None:
    """Raises DataError with how many of `ids` have no `what`, and the first."""
    has = set(known)
    without = [i for i in ids if i not in has]
    if without:
        raise DataError(f"{len(without)} images have no {what} in {where}, first {short(without[0])}")


def check_boxes(samples: Sequence[Sample], where: object, *, masks: str) -> None:
    """Raises DataError where an image has no box to be compared with; `masks` is what to do where none has one."""
    without = [s.image_id for s in samples if not len(s.boxes_xyxy)]
    if without:
        hint = f"; {masks}" if len(without) == len(samples) else ""
        raise DataError(
            f"{len(without)} of {len(samples)} images have no box in {where}, first {short(without[0])}{hint}"
        )


def check_mask(mask: NDArray[Any], *, where: str) -> None:
    """Raises DataError for a mask that is not (h, w) of 0 background, 1 object and 255 ignore."""
    if mask.ndim != 2 or not mask.size or mask.dtype.kind not in "iubf" or not np.isin(mask, (0, 1, 255)).all():
        raise DataError(f"the mask of {where} is not (h, w) of 0, 1 and 255 (ignored)")


def make_samples(
    ids: Sequence[str],
    labels: Sequence[int],
    sizes_wh: Sequence[tuple[int, int]],
    boxes_xyxy: NDArray[np.float64],
    owners: NDArray[np.int64],
    *,
    where: object,
) -> tuple[Sample, ...]:
    """Samples of sorted `ids`; `owners` (m,) says to which of them each of the (m, 4) boxes belongs.

    Raises
    ------
    DataError : no image; a box that is not finite, inverted or reaches outside its image, a size or label below its
        range. Right and bottom may equal width and height; left may equal right, as in a one-pixel box with inclusive
        corners.
    """
    if not len(ids):
        raise DataError(f"{where} lists no image: the dataset is empty")
    sizes = np.asarray(sizes_wh, np.int64).reshape(-1, 2)
    for index in np.flatnonzero((sizes < 1).any(1))[:1]:
        raise DataError(f"image {short(ids[index])} has size {sizes_wh[index]} in {where}; both must be 1 or more")
    for index in np.flatnonzero(sizes[:, 0] > MOST_PIXELS // sizes[:, 1])[:1]:
        raise DataError(
            f"image {short(ids[index])} has size {sizes_wh[index]} in {where}; images have at most {MOST_PIXELS} pixels"
        )
    negative = next((i for i, label in enumerate(labels) if label < 0), None)
    if negative is not None:
        raise DataError(f"image {short(ids[negative])} has label {labels[negative]} in {where}; labels count from 0")
    boxes_xyxy, frame = boxes_xyxy.reshape(-1, 4), sizes[owners]
    checks = (
        ("has a coordinate that is not a number", ~np.isfinite(boxes_xyxy).all(1)),
        ("is inverted: boxes are x0,y0,x1,y1", (boxes_xyxy[:, 2:] < boxes_xyxy[:, :2]).any(1)),
        ("reaches outside its {} image", (boxes_xyxy[:, :2] < 0).any(1) | (boxes_xyxy[:, 2:] > frame).any(1)),
    )
    for complaint, wrong in checks:
        for index in np.flatnonzero(wrong)[:1]:
            box = ", ".join(f"{v:g}" for v in boxes_xyxy[index])
            sentence = complaint.format("x".join(map(str, frame[index])))
            more = f" ({wrong.sum()} boxes do)" if wrong.sum() > 1 else ""
            raise DataError(f"box [{box}] of image {short(ids[owners[index]])} in {where} {sentence}{more}")
    fractional = bool((boxes_xyxy % 1).any())  # corners of one pixel are possible in small pictures
    if len(boxes_xyxy) and (boxes_xyxy <= 1).all() and (frame > (1 if fractional else 16)).all():
        box = ", ".join(f"{v:g}" for v in boxes_xyxy[0])
        raise DataError(
            f"all boxes in {where} are within 0 to 1, first [{box}] of image {short(ids[owners[0]])}, so they look "
            "normalized; boxes are in pixels: multiply x by the image's width and y by its height"
        )
    order = np.argsort(owners, kind="stable")  # boxes of an image stay in the file's order
    parts = np.split(boxes_xyxy[order], np.cumsum(np.bincount(owners, minlength=len(ids)))[:-1])
    return tuple(
        Sample(image_id, label, part, (int(size[0]), int(size[1])))
        for image_id, label, part, size in zip(ids, labels, parts, sizes, strict=True)
    )
