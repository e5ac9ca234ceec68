"""What a call is given, checked once: numbers in their range, maps of real numbers, boxes within their images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wsol.datasets.checks import make_samples
from wsol.datasets.fields import short
from wsol.errors import ConfigError, MapError
from wsol.options import Batch, Images, Side, WholeNumber, fit
from wsol.protocols._base import Protocol, named

RANGES: dict[str, Any] = {  # the same as of the command line's settings
    "seed": WholeNumber,
    "gallery": WholeNumber,
    "batch_size": Batch,
    "chunk": Batch,
    "limit": Images | None,
    "input_size": Side | None,
}


def check_numbers(**given: Any) -> None:
    """Raises ConfigError for an argument that is out of the range that it has in `RANGES`."""
    for name, value in given.items():
        fit(value, RANGES[name], where=name)


def as_protocol(value: str | Protocol) -> Protocol:
    """A protocol by its name, or itself. Raises UnknownName, or ConfigError for what is neither."""
    if isinstance(value, str):
        return named(value)
    if not isinstance(value, Protocol):
        raise ConfigError(f"protocol={short(value)}: expected a name that wsol list protocols shows, or a Protocol")
    return value


def as_array(value: Any) -> NDArray[Any]:
    """An array of a list, an array or a tensor on any device."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def as_map(value: Any, place: int) -> NDArray[Any]:
    """A raw map. Raises MapError for one that is not (h, w) of finite real numbers."""
    raw = as_array(value)
    if raw.dtype.kind not in "fiub":
        raise MapError(f"map {place} holds {raw.dtype}, not real numbers")
    if raw.ndim != 2 or not raw.size:
        raise MapError(f"map {place} has shape {raw.shape}; a map is (h, w)")
    if not np.isfinite(raw).all():
        count = int((~np.isfinite(raw)).sum())
        raise MapError(f"map {place} has {count} NaN or infinite values of {raw.size}; leave it out, or replace them")
    return raw


def as_boxes(value: ArrayLike) -> NDArray[np.float64]:
    """(g, 4) boxes. Raises ConfigError for another shape."""
    try:
        found = np.asarray(as_array(value), np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"boxes {short(value)} are not numbers; expected (g, 4) as x0 y0 x1 y1 per image") from error
    if found.size % 4 or found.ndim > 2:
        raise ConfigError(f"boxes of shape {found.shape} are not boxes; expected (g, 4) as x0 y0 x1 y1 per image")
    return found.reshape(-1, 4)


def as_sizes(values: Sequence[Any]) -> list[tuple[int, int]]:
    """Widths and heights. Raises ConfigError for what is not two whole numbers of 1 or more."""
    sizes = []
    for place, value in enumerate(values):
        try:
            width, height = (int(side) if side == int(side) else 0 for side in value)
        except (TypeError, ValueError, OverflowError):
            width, height = 0, 0
        if min(width, height) < 1:
            raise ConfigError(
                f"sizes_wh[{place}]={short(value)}: expected (width, height) in pixels, whole numbers of 1 or more"
            )
        sizes.append((width, height))
    return sizes


def check_truth(boxes: Sequence[NDArray[np.float64]], sizes_wh: Sequence[tuple[int, int]]) -> None:
    """Raises DataError for boxes that are inverted, not finite, normalized or outside their images."""
    owners = np.repeat(np.arange(len(boxes)), [len(its) for its in boxes])
    ids = [str(place) for place in range(len(boxes))]
    make_samples(ids, [0] * len(ids), sizes_wh, np.concatenate([np.zeros((0, 4)), *boxes]), owners, where="boxes")


def as_labels(values: Any, count: int) -> list[int]:
    """Class indices of `count` images. Raises ConfigError for other numbers, or another number of them."""
    labels = as_array(values)
    if (
        labels.dtype.kind not in "iuf"
        or labels.ndim != 1
        or not (labels == np.floor(labels)).all()
        or (labels < 0).any()
    ):
        raise ConfigError(f"labels {short(values)} are not class indices; expected (n,) whole numbers from 0")
    if len(labels) != count:
        raise ConfigError(f"labels has {len(labels)} entries for {count} maps; give one per image")
    return [int(label) for label in labels]


def as_logits(values: ArrayLike, labels: Sequence[int]) -> NDArray[Any]:
    """(n, classes) logits. Raises ConfigError for another shape, too few classes for the labels, or no numbers."""
    rows = as_array(values)
    if rows.dtype.kind not in "iuf" or rows.ndim != 2 or len(rows) != len(labels):
        raise ConfigError(f"logits of type {rows.dtype} and shape {rows.shape}; expected ({len(labels)}, classes)")
    if labels and max(labels) >= rows.shape[1]:
        raise ConfigError(f"label {max(labels)} is out of range; the logits have {rows.shape[1]} classes, from 0")
    if np.isnan(rows).any():
        raise ConfigError("logits hold NaN; leave these images out")
    return rows


def as_predictions(values: ArrayLike, labels: Sequence[int]) -> list[dict[str, int]]:
    """By image, where its label stands among the predicted classes, and how many are known. Raises ConfigError.

    Parameters
    ----------
    values : (n,) the first class of each image, or (n, k) the k first ones, best first.
    """
    given = as_array(values)
    whole = given.dtype.kind in "iu" and bool((given >= 0).all())
    if not whole or given.ndim not in (1, 2) or len(given) != len(labels) or not given.size:
        raise ConfigError(
            f"predictions of type {given.dtype} and shape {given.shape}; expected class indices, ({len(labels)},) or "
            f"({len(labels)}, k) with the best first; logits are given as logits="
        )
    rows = given.reshape(len(labels), -1)
    depth = rows.shape[1]
    if any(len({*row}) < depth for row in rows.tolist()):
        raise ConfigError("predictions name a class twice for one image; give its k best classes, best first")
    places = [row.index(label) if label in row else depth for row, label in zip(rows.tolist(), labels, strict=True)]
    return [{"rank": place, "rank_depth": depth} for place in places]
