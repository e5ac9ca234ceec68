"""Datasets that are read from a folder as people downloaded and unpacked it: from what it lists to samples."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from wsol.datasets import checks
from wsol.datasets.base import Sample
from wsol.datasets.fields import check_unique, short
from wsol.datasets.files import UNREADABLE, FileDataset
from wsol.datasets.listing import is_there
from wsol.datasets.masks import tight_box
from wsol.datasets.paths import check_inside
from wsol.datasets.stores.base import FileKind, FolderStore, ImageStore, Unreachable
from wsol.datasets.stores.remote_path import AnyPath, RemotePath
from wsol.errors import DataError
from wsol.options import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box = tuple[float, float, float, float]
READERS = 8  # threads: masks are decoded without the GIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One class in one image, as a tree lists it.

    Attributes
    ----------
    image_id : by default the file, and ``file#class`` where an image has several classes.
    file : relative to the tree's root. name : the class, or its index where the source numbers classes.
    boxes : x0 y0 x1 y1 in pixels of the stored image; `box_source` says what becomes of none.
    size_wh : None where the image's header says it.
    mask_file : relative to the root; empty for none. outline : what else decides the mask, such as polygons.
    """

    file: str
    name: str | int
    boxes: tuple[Box, ...] = ()
    size_wh: tuple[int, int] | None = None
    image_id: str = ""
    mask_file: str = ""
    outline: object = None


class Pack(Protocol):
    """Images within other files, such as tar archives: by name their bytes, sizes and digests."""

    def read(self, name: str) -> bytes:
        """The content of an image file."""

    def size_wh(self, name: str, *, upright: bool) -> tuple[int, int]:
        """Width and height from its header."""

    def digest(self, name: str) -> str:
        """What `wsol.datasets.contents.content_digest` gives for its content."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeDataset(FileDataset):
    """A dataset in the layout in which it is published: file names are relative to `root`.

    Boxes that reach past the edge of their image are cut off there, and the table says how many.
    """

    images: Path | str | None = field(init=False, default=None)  # the root
    root: Path | str = option(help="the folder as downloaded and unpacked, or its URL (s3://, gs://, https://)")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "images", self.root)

    @abstractmethod
    def entries(self) -> Iterable[Entry]:
        """Everything the tree lists, in any order. Raises DataError."""

    def entry_mask(self, entry: Entry, size_wh: tuple[int, int]) -> NDArray[np.uint8] | None:
        """(H, W) uint8 of 0, 1 and 255 (ignore) for an image of that size; None where there is none."""
        return None

    @property
    def boxes_of_masks(self) -> bool:
        """Whether entries without boxes get the tight box around their mask."""
        return False

    @property
    def pack(self) -> Pack | None:
        """What holds the images where they are not files of their own."""
        return None

    @property
    def numbers_names(self) -> bool:
        return bool(self.class_names)

    @cached_property
    def class_names(self) -> Sequence[str]:
        """Names in alphabetical order, as networks trained on folders have them; empty where classes are numbers."""
        return tuple(sorted({entry.name for entry in self._all if isinstance(entry.name, str)}))

    def file_name(self, sample: Sample) -> str:
        return self.entry(sample).file

    def entry(self, sample: Sample) -> Entry:
        """What the tree lists of a sample."""
        return self._rows[sample.image_id]

    def mask(self, sample: Sample) -> NDArray[np.uint8] | None:
        return self.entry_mask(self.entry(sample), sample.size_wh)

    def mask_files(self) -> Mapping[str, Sequence[str]]:
        return {image_id: (entry.mask_file,) for image_id, entry in self._rows.items() if entry.mask_file}

    @cached_property
    def mask_store(self) -> ImageStore:
        return self._store_of("mask")

    def notes(self) -> Sequence[str]:
        past = self._read[1]
        cut = "1 box past the edge of its image is" if past == 1 else f"{past} boxes past the edge of their image are"
        return (*super().notes(), *([f"{cut} cut off there."] if past else []))

    @cached_property
    def folder(self) -> AnyPath:
        """The root, which must be there."""
        return self.place_of(self.root, option="dataset.root", folder=True)

    @cached_property
    def store(self) -> ImageStore:
        return self._store_of("image")

    def _store_of(self, what: str) -> ImageStore:
        """What holds the files of that kind, below the root."""
        kind, folder = FileKind(what, "dataset.root"), self.folder
        if isinstance(folder, RemotePath):
            return folder.store.of_kind(kind)
        return FolderStore(folder, outside=self.outside, kind=kind)

    def first_of(self, *names: str) -> AnyPath | None:
        """The first of these files below the root that is there."""
        return next((self.folder / name for name in names if is_there(self.folder / name)), None)

    def read(self) -> Sequence[Sample]:
        return self._read[0]

    @cached_property
    def _all(self) -> tuple[Entry, ...]:
        entries = tuple(self.entries())
        if not entries:
            raise DataError(f"dataset.root={self.root} lists no image of {self.key}: the dataset is empty")
        return entries

    @cached_property
    def _rows(self) -> dict[str, Entry]:
        """Row id to entry, sorted by id."""
        classes: dict[str, set[str | int]] = defaultdict(set)
        for entry in self._all:
            classes[entry.file].add(entry.name)
        named = [(e.image_id or (e.file if len(classes[e.file]) == 1 else f"{e.file}#{e.name}"), e) for e in self._all]
        check_unique((image_id for image_id, _ in named), self.root, what="image id")
        return dict(sorted(named, key=lambda pair: pair[0])[: self.at_most])

    @cached_property
    def _read(self) -> tuple[tuple[Sample, ...], int]:
        """The samples, and how many boxes reached past the edge."""
        ids, entries = list(self._rows), list(self._rows.values())
        self._check_files(entries)
        sizes = self._sizes(entries)
        if self.boxes_of_masks:
            with ThreadPoolExecutor(READERS) as pool:
                entries = list(pool.map(self._with_box_of_mask, entries, sizes))
        owners = np.repeat(np.arange(len(entries)), [len(e.boxes) for e in entries])
        boxes = np.array([box for e in entries for box in e.boxes], np.float64).reshape(-1, 4)
        frame = np.tile(np.array(sizes, np.float64)[owners], 2)
        inside = np.clip(boxes, 0, frame)
        beside = (boxes[:, :2] >= frame[:, :2]).any(1) | (boxes[:, 2:] < 0).any(1)
        for place in np.flatnonzero(beside)[:1]:
            box, size = ", ".join(f"{v:g}" for v in boxes[place]), "x".join(map(str, sizes[owners[place]]))
            raise DataError(
                f"box [{box}] of image {short(ids[owners[place]])} lies outside its {size} image: {self.root}"
            )
        check_unique(filter(None, self.class_names), self.root, what="class name")
        places = {name: place for place, name in enumerate(self.class_names)}
        labels = [e.name if isinstance(e.name, int) else places[e.name] for e in entries]
        past = int((boxes != inside).any(1).sum())
        return checks.make_samples(ids, labels, sizes, inside, owners, where=self.root), past

    def _check_files(self, entries: Sequence[Entry]) -> None:
        """Raises DataError for images and masks that are missing or lead out of the root."""
        images = [] if self.pack else [e.file for e in entries]
        masks = [e.mask_file for e in entries if e.mask_file]
        for store, names in ((self.store, images), (self.mask_store, masks)):
            unique = dict.fromkeys(names)
            if not self.outside:
                check_inside(unique)
            store.check(unique)

    def _sizes(self, entries: Sequence[Entry]) -> list[tuple[int, int]]:
        unknown = list(dict.fromkeys(e.file for e in entries if e.size_wh is None))
        if (pack := self.pack) is not None:
            known = {name: pack.size_wh(name, upright=self.upright) for name in unknown}
        else:
            known = dict(zip(unknown, self.sizes_of(self.store, unknown), strict=True))
        return [e.size_wh or known[e.file] for e in entries]

    def _with_box_of_mask(self, entry: Entry, size_wh: tuple[int, int]) -> Entry:
        damaged = size_wh == UNREADABLE or entry.mask_file in self._damaged_masks
        mask = None if entry.boxes or damaged else self.entry_mask(entry, size_wh)
        if mask is None:
            return entry
        box = tight_box(mask == 1)
        if box is None:
            raise DataError(f"the mask {short(entry.mask_file)} of image {short(entry.file)} shows no object")
        return replace(entry, boxes=(box,))

    def content_of(self, name: str, known: Mapping[str, str]) -> bytes:
        return super().content_of(name, known) if self.pack is None else self.pack.read(name)

    def digests_of(self, names: Sequence[str], *, lost: str | None = None) -> Mapping[str, str]:
        if (pack := self.pack) is None:
            return super().digests_of(names, lost=lost)

        def digest_of(name: str) -> str:
            try:
                return pack.digest(name)
            except Unreachable:
                if lost is None:
                    raise
                return lost

        return {name: digest_of(name) for name in dict.fromkeys(names)}

    def mask_stamp(self, sample: Sample) -> str:
        outline = self.entry(sample).outline
        return " ".join(filter(None, (super().mask_stamp(sample), "" if outline is None else repr(outline))))
