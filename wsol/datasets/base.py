"""The contract of a dataset, and the decorator that registers one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, dataclass_transform

import numpy as np

from wsol.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of one image (of one class in it, where an image has several) without opening it.

    Attributes
    ----------
    image_id : unique and stable in the dataset; rows, shards and random seeds are keyed by it.
    label : class index as the network counts, from 0.
    boxes_xyxy : (g, 4) float64, ground-truth boxes of that class, x0 y0 x1 y1 in pixels of the stored image.
    size_wh : width and height of the stored image in pixels.
    """

    image_id: str
    label: int
    boxes_xyxy: NDArray[np.float64]
    size_wh: tuple[int, int]


class Dataset(Protocol):
    """A list of samples, and a way to their pixels.

    A dataset is a frozen dataclass of options; reading annotations happens in `samples`, opening images in `image`.
    """

    key: ClassVar[str]

    @property
    def class_names(self) -> Sequence[str]:
        """Readable names by class index; may be shorter than the network's list, or empty."""

    def samples(self) -> Sequence[Sample]:
        """All samples, sorted by `image_id`. Raises DataError where annotations don't fit or nothing is left."""

    def image(self, sample: Sample) -> Image:
        """The image as RGB, of `sample.size_wh`. Raises DataError for a missing, corrupt or wrong-sized file."""

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        """(H, W) uint8 at stored size: 0 background, 1 object, 255 ignore; None where the dataset has no masks."""

    def fingerprint(self) -> str:
        """A short hash of everything that decides rows: annotations, split, drawing parameters; not the paths."""


class StampedDataset(Dataset, Protocol):
    """A data set whose images are known one by one, so that runs over more or fewer of them share rows."""

    def stamp(self, sample: Sample) -> str:
        """What decides an image's rows beside its sample's facts, without opening it: the length of its file."""


datasets: Registry[type[Dataset]] = Registry("dataset", "wsol.datasets.formats")

C = TypeVar("C")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def dataset(key: str) -> Callable[[type[C]], type[C]]:
    """Register a class as a dataset; its fields become options (`dataset.<field>=...`)."""

    def register(cls: type[C]) -> type[C]:
        made = dataclass(frozen=True, kw_only=True)(cls)
        made.key = key  # type: ignore[attr-defined]
        datasets.add(key, made)  # type: ignore[arg-type]
        return made

    return register
