"""Images that are held in Python as a dataset: a torch Dataset, a list of samples, or anything that can be indexed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image as Pillow

from wsol.datasets.base import Dataset, Sample
from wsol.datasets.checks import check_mask, make_samples
from wsol.datasets.fields import check_unique, short
from wsol.errors import DataError, first_line, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

FIELDS = ("image", "label", "boxes", "mask", "image_id")


@dataclass(frozen=True, eq=False, kw_only=True)
class PythonDataset(Dataset):
    """Items of (image, label, boxes or mask), or mappings with these names, as a dataset.

    Each item is read once at the start, to learn sizes, labels and boxes, and again when its pixels are needed, so that
    a dataset that reads files holds none of them. Its transform must therefore not be random.

    Parameters
    ----------
    items : with ``len`` and ``[index]``. An image is a PIL image, an (h, w, 3) uint8 array, or a (3, h, w) tensor with
        values in [0, 1]. Boxes are (g, 4) as x0 y0 x1 y1 in pixels; a mask is (h, w): 0 background, 1 object, 255
        ignore. ``image_id`` names it in rows; by default its index.
    names : of the classes, by index; labels may then be names.
    """

    key: ClassVar[str] = "python"

    items: Any = field(repr=False)
    names: Sequence[str] = ()

    @property
    def class_names(self) -> Sequence[str]:
        return self.names

    def read(self) -> Sequence[Sample]:
        return self._known[0]

    def image(self, sample: Sample) -> Image:
        where = self._where(sample)
        image = as_image(self._item(sample)["image"], where=where)
        if _pixels(image) != self._known[3][sample.image_id]:
            raise DataError(f"{where} gives different pixels than before; its transform must not be random")
        return image

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        mask = self._item(sample).get("mask")
        return None if mask is None else np.asarray(mask, np.uint8)

    def fingerprint(self) -> str:
        return self.digest(*self._known[2].values())

    def stamp(self, sample: Sample) -> str:
        return self._known[2][sample.image_id]

    @cached_property
    def _known(self) -> tuple[tuple[Sample, ...], dict[str, int], dict[str, str], dict[str, str]]:
        """Samples, and by image id the place of its item and hashes: of pixels and mask, and of the pixels alone."""
        stamps: dict[str, str] = {}
        pixels: dict[str, str] = {}
        ids: list[str] = []
        labels: list[int] = []
        sizes: list[tuple[int, int]] = []
        boxes: list[NDArray[np.float64]] = []
        count = len(self.items)
        for place in range(count if self.at_most is None else min(count, self.at_most)):
            item = self._read(place)
            image = as_image(item["image"], where=f"item {place}")
            ids.append(str(item.get("image_id", f"{place:0{len(str(count))}d}")))
            labels.append(_label(item["label"], place, self.names))
            sizes.append(image.size)
            boxes.append(_boxes(item, place))
            mask = item.get("mask")
            if mask is not None:
                check_mask(np.asarray(mask), where=f"item {place}")
                if (np.asarray(mask) == 255).any() and not (np.asarray(mask) == 1).any():
                    raise DataError(f"item {place}: the mask holds 255, which is ignored, and no 1: write objects as 1")
                if np.asarray(mask).shape != image.size[::-1]:
                    raise DataError(
                        f"item {place}: a mask of {np.asarray(mask).shape} on an image of {image.size[::-1]}"
                    )
            content = np.asarray(image).tobytes() + (b"" if mask is None else np.ascontiguousarray(mask).tobytes())
            stamps[ids[-1]] = hashlib.sha256(content).hexdigest()[:16]
            pixels[ids[-1]] = _pixels(image)
        if not ids:
            raise DataError("the dataset has no items")
        check_unique(ids, "the dataset", what="image id")
        order = sorted(range(len(ids)), key=ids.__getitem__)
        owners = np.repeat(np.arange(len(ids)), [len(boxes[n]) for n in order])
        samples = make_samples(
            [ids[n] for n in order],
            [labels[n] for n in order],
            [sizes[n] for n in order],
            np.concatenate([boxes[n] for n in order]),
            owners,
            where="the dataset",
        )
        return samples, {ids[n]: n for n in order}, stamps, pixels

    def _item(self, sample: Sample) -> Mapping[str, Any]:
        return self._read(self._known[1][sample.image_id])

    def _read(self, place: int) -> Mapping[str, Any]:
        """The item at a place. Raises DataError for whatever its dataset raises."""
        try:
            item = self.items[place]
        except Exception as error:
            raise DataError(f"item {place} can't be read: {first_line(error)}") from error
        return _fields(item, place)

    def _where(self, sample: Sample) -> str:
        return f"item {self._known[1][sample.image_id]}"


def as_image(value: Any, *, where: str) -> Image:
    """An RGB image of a PIL image, an (h, w, 3) uint8 array or a (3, h, w) tensor in [0, 1]. Raises DataError."""
    if isinstance(value, Pillow.Image):
        return value.convert("RGB")
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.ndim == 3 and array.shape[0] in (1, 3) and np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > 1:
            raise DataError(
                f"{where}: the image spans {low:g} to {high:g}, as normalized inputs do; give values in [0, 1], "
                "a PIL image or a uint8 array, and leave the normalization to the view"
            )
        array = np.rint(np.moveaxis(array, 0, -1) * 255).astype(np.uint8)
    if array.ndim == 3 and array.shape[2] in (1, 3) and array.dtype == np.uint8:
        return Pillow.fromarray(np.broadcast_to(array, (*array.shape[:2], 3)).copy())
    raise DataError(
        f"{where}: an image of type {array.dtype} and shape {array.shape}; expected a PIL image, an (h, w, 3) uint8 "
        "array or a (3, h, w) float tensor in [0, 1]"
    )


def _pixels(image: Image) -> str:
    """A hash of the pixels."""
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()[:16]


def _fields(item: Any, place: int) -> Mapping[str, Any]:
    """An item by the names of `FIELDS`; what follows the label is boxes if it is (g, 4), and else a mask."""
    if isinstance(item, Mapping):
        unknown = [name for name in item if name not in FIELDS]
        if unknown or not {"image", "label"} <= item.keys():
            raise DataError(f"item {place} has {sorted(item)}; expected image, label and boxes, mask or image_id")
        return item
    if not isinstance(item, tuple | list) or not 2 <= len(item) <= 3:
        raise DataError(f"item {place} is a {type(item).__name__}; expected (image, label, boxes or mask)")
    found = {"image": item[0], "label": item[1]}
    if len(item) == 3 and item[2] is not None:
        found["boxes" if _is_boxes(item[2]) else "mask"] = item[2]
    return found


def _label(value: Any, place: int, names: Sequence[str]) -> int:
    """A label as a whole number; a tensor or array of one counts as what it holds, a name as its index in `names`.

    Raises DataError.
    """
    if isinstance(value, str) and names:
        if value not in names:
            raise unknown(f"class (item {place})", value, names, error=DataError)
        return list(names).index(value)
    plain = value.item() if hasattr(value, "item") and prod(np.shape(value)) == 1 else value
    if isinstance(plain, int | float) and not isinstance(plain, bool) and plain == plain // 1:
        return int(plain)
    raise DataError(
        f"item {place} has the label {short(value)}; expected a class index, a whole number from 0, or a name where "
        "class_names are given"
    )


def _is_boxes(value: Any) -> bool:
    shape = np.shape(value)
    return bool(shape in ((4,), (0,)) or (len(shape) == 2 and shape[1] == 4))


def _boxes(item: Mapping[str, Any], place: int) -> NDArray[np.float64]:
    found = np.asarray(item.get("boxes", ()), np.float64)
    if found.size % 4:
        raise DataError(f"item {place}: boxes of shape {found.shape}; expected (g, 4) as x0 y0 x1 y1")
    return found.reshape(-1, 4)
