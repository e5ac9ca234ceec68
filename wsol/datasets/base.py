"""The contract of a dataset, and the decorator that registers one."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeVar, dataclass_transform

import numpy as np

from wsol.errors import ConfigError
from wsol.options import Images, option
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset(ABC):
    """A list of samples, and a way to their pixels: a frozen dataclass of options.

    A dataset must have `read` and `image`; the rest has defaults.
    """

    key: ClassVar[str]

    limit: Images | None = option(None, help="evaluate only the first samples, in the order of their ids")

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"dataset.limit={self.limit} leaves no image; give 1 or more, or null for all")

    @abstractmethod
    def read(self) -> Sequence[Sample]:
        """All samples, sorted by `image_id`; those beyond the first `limit` may be left out.

        Called once. Raises DataError where annotations don't fit or nothing is left.
        """

    @abstractmethod
    def image(self, sample: Sample) -> Image:
        """The image as RGB, of `sample.size_wh`. Raises DataError for a missing, corrupt or wrong-sized file."""

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        """(H, W) uint8 at stored size: 0 background, 1 object, 255 ignore; None where the dataset has no masks."""
        return None

    @property
    def class_names(self) -> Sequence[str]:
        """Readable names by class index; may be shorter than the network's list, or empty."""
        return ()

    @property
    def num_classes(self) -> int | None:
        """How many classes a network must know, where that is known."""
        return None

    @property
    def split(self) -> str:
        """The name of the split, for folders and tables; may be empty."""
        return ""

    @property
    def numbers_names(self) -> bool:
        """Whether labels are names in the annotations, which the reader numbered by itself."""
        return False

    @property
    def category_ids(self) -> Mapping[str, int]:
        """Label by what else the annotations call a class: an id of their own, as text."""
        return {}

    def samples(self) -> Sequence[Sample]:
        """The samples, sorted by `image_id`; at most `limit`. Raises as `read`."""
        return self._samples

    def notes(self) -> Sequence[str]:
        """Sentences under every table: what was chosen of images and annotations that moves its numbers."""
        return ()

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        return tuple(self.read())[: self.limit]

    def fingerprint(self) -> str:
        """A short hash of everything that decides rows: annotations, split, drawing parameters; not the paths."""
        return self.digest()

    def digest(self, *more: str) -> str:
        """16 hex digits over ids, labels, sizes and boxes, and whatever else decides rows."""
        digest = hashlib.sha256("\n".join(more).encode())
        for sample in self.samples():
            digest.update(f"\n{sample.image_id}\t{sample.label}\t{sample.size_wh}\t".encode())
            digest.update(np.ascontiguousarray(sample.boxes_xyxy, "<f8").tobytes())
        return digest.hexdigest()[:16]

    def stamp(self, sample: Sample) -> str:
        """What decides an image's rows beside its sample's facts, without decoding it: a digest of its file.

        Runs over more or fewer images share the rows of images whose stamps are equal. By default no two runs do
        unless their datasets are equal.
        """
        return self._whole

    @cached_property
    def _whole(self) -> str:
        return self.fingerprint()


datasets: Registry[type[Dataset]] = Registry("dataset", "wsol.datasets.formats")

D = TypeVar("D", bound=Dataset)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def dataset(key: str) -> Callable[[type[D]], type[D]]:
    """Register a subclass of `Dataset`; its fields become options (`dataset.<field>=...`)."""

    def register(cls: type[D]) -> type[D]:
        made = dataclass(frozen=True, kw_only=True)(cls)
        made.key = key
        datasets.add(key, made)
        return made

    return register
