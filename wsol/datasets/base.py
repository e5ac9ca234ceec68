"""The contract of a dataset, and the decorator that registers one."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar, dataclass_transform

import numpy as np

from wsol.datasets.sample import Sample
from wsol.datasets.selection import OfClasses, OfSize, Part
from wsol.errors import ConfigError
from wsol.options import Images, option
from wsol.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.datasets.stores.remote_path import AnyPath

__all__ = ["Dataset", "Sample", "dataset", "datasets"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset(ABC):
    """A list of samples, and a way to their pixels: a frozen dataclass of options.

    A dataset must have `read` and `image`; the rest has defaults.
    """

    key: ClassVar[str]
    boxless: ClassVar[bool] = False  # it has neither boxes nor masks: any other reader comes first for ``dataset=PATH``
    general: ClassVar[bool] = False  # a format for any data set: one's own reader comes first for ``dataset=PATH``
    suffix: ClassVar[str] = ""  # of a file of annotations, the option `annotations`, where a set is one such file

    limit: Images | None = option(None, help="evaluate only the first samples, in the order of their ids")
    classes: tuple[str | int, ...] | None = option(
        None, help="evaluate only these: names, or class indices as the data set counts; null for all"
    )
    size: Literal["small", "medium", "large"] | None = option(
        None, help="evaluate only samples whose largest box has this size; null for all"
    )
    size_rule: Literal["coco", "share"] = option(
        "coco",
        help="what is small, medium, large: below, between and above areas of 32 x 32 and 96 x 96 pixels (coco), or "
        "of a ninth and a quarter of the image (share)",
    )

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"dataset.limit={self.limit} leaves no image; give 1 or more, or null for all")
        if self.classes is not None and not self.classes:
            raise ConfigError("dataset.classes=[] leaves no image; name at least one class, or null for all")

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:  # noqa: ARG003
        """For ``dataset=PATH``: each set of options by which this reader can read what is at `path`; none if it can't.

        They name every option that is a path. Names and first lines must suffice: there can be a million files.
        """
        return ()

    @abstractmethod
    def read(self) -> Sequence[Sample]:
        """All samples, sorted by `image_id`.

        Called once. Where `at_most` is a number, that many are enough. Raises DataError where annotations don't fit or
        nothing is left.
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
    def synonyms(self) -> Mapping[str, Sequence[str]]:
        """By class name, such as a WordNet id, the words that the source has for it; empty where it has none."""
        return {}

    @property
    def category_ids(self) -> Mapping[str, int]:
        """Labels by the ids that the annotations have for classes, as text."""
        return {}

    def samples(self) -> Sequence[Sample]:
        """The samples, sorted by `image_id`; at most `limit`. Raises as `read`."""
        return self._samples

    @property
    def at_most(self) -> int | None:
        """How many samples are enough to read; None for all, as where some are left out before the first are taken."""
        return self.limit if self.classes is None and self.size is None else None

    def notes(self) -> Sequence[str]:
        """Sentences under every table: what was chosen of images and annotations that moves its numbers."""
        return tuple(part.note for part in self._parts)

    @cached_property
    def _samples(self) -> tuple[Sample, ...]:
        samples = tuple(self.read())
        for part in self._parts:
            samples = part.of(samples)
        return samples[: self.limit]

    @property
    def _parts(self) -> tuple[Part, ...]:
        classes = () if self.classes is None else (OfClasses(self.classes, self.class_names),)
        return (*classes, *(() if self.size is None else (OfSize(self.size, self.size_rule),)))

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
