"""A dataset of image files: what decodes, what is damaged, and what the contents are."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wsol.datasets.base import Dataset, Sample
from wsol.datasets.contents import ABSENT
from wsol.datasets.decoding import Decoded, decode_all
from wsol.datasets.fields import short
from wsol.datasets.image_files import SKIP, as_rgb, decoded_image, decoded_mask
from wsol.datasets.paths import check_inside, existing, is_folder, is_url
from wsol.datasets.stores.base import ImageStore, Unreachable
from wsol.datasets.stores.cache import DEFAULT_GB
from wsol.datasets.stores.copies import copied_file, copied_folder
from wsol.datasets.stores.opening import open_store
from wsol.datasets.stores.remote_path import AnyPath, existing_at
from wsol.errors import DataError
from wsol.options import NotNegative, option

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

UNREADABLE = (13_377, 13_377)  # of an image that will be left out: the largest square there is, so that boxes fit


@dataclass(frozen=True, kw_only=True, eq=False)
class FileDataset(Dataset):
    """A dataset of image files in an `ImageStore`, decoded by `wsol.datasets.pixels.RULES`."""

    images: Path | str | None = option(
        help="what file names are relative to: a folder, a .tar archive or a folder of those, or a URL (s3://, gs://, "
        "https://); null where the annotations have sizes and boxes are enough"
    )
    upright: bool = option(
        False,
        help="turn images as their camera's EXIF tag says, for annotations made on upright pictures; else annotations "
        "are of the pixels as stored",
    )
    damaged: Literal["fail", "skip"] = option(
        "fail",
        help="what to do with an image or mask that can't be decoded: fail, or skip it: each file is decoded once "
        "before, and images that are damaged, or whose mask is, are left out of all rows, and the table says so",
    )
    outside: bool = option(False, help="allow file names (../a.jpg, /data/a.jpg) and links that leave the folder")
    cache: Path | None = option(
        None, help="folder that keeps copies of what is at a URL; null for `images` in the user's cache folder"
    )
    cache_gb: NotNegative = option(
        DEFAULT_GB, help="its limit in 10^9 bytes, beyond which the least recently used images are removed"
    )

    @abstractmethod
    def file_name(self, sample: Sample) -> str:
        """The image file of a sample, relative to `images`."""

    def image(self, sample: Sample) -> Image:
        if self.images is None:
            raise DataError("dataset.images=null: there are only sizes and boxes; name the folder of the images")
        name = self.file_name(sample)
        content = self.content_of(name, self._contents if "_contents" in self.__dict__ else {})
        path = self.store.place(name)
        image, turned = as_rgb(content, path, image_id=name, upright=self.upright, otherwise=SKIP)
        if image.size != sample.size_wh:
            stored, annotated = ("x".join(map(str, size)) for size in (image.size, sample.size_wh))
            hint = ""
            if turned and image.size == sample.size_wh[::-1]:
                other = "false" if self.upright else "true"
                hint = f"; its EXIF tag turns it, so try dataset.upright={other}"
            raise DataError(
                f"image {short(name)} is {stored} pixels, but its annotation is for {annotated}: {path}{hint}"
            )
        if turned and not self.upright and not self._turned:
            self._turned.append(name)
            log.warning(
                "image %r has an EXIF tag that turns it, and annotations are taken to be of the pixels as stored; "
                "dataset.upright=true turns such images",
                name,
            )
        return image

    @cached_property
    def _turned(self) -> list[str]:
        """The image that the log warned of."""
        return []

    def content_of(self, name: str, known: Mapping[str, str]) -> bytes:
        """The bytes of an image file. Raises DataError where it is not what `known` digests say."""
        return self.store.read_unchanged(name, known)

    def digests_of(self, names: Sequence[str], *, lost: str | None = None) -> Mapping[str, str]:
        """As `ImageStore.digests`, of image files."""
        return self.store.digests(names, lost=lost)

    @cached_property
    def store(self) -> ImageStore:
        """What holds the images, of which there are some. Raises DataError where it can't be opened."""
        assert self.images is not None
        return open_store(self.images, outside=self.outside, cache=self.cache, cache_gb=self.cache_gb)

    def place_of(self, place: Path | str, *, option: str, folder: bool | None = None) -> AnyPath:
        """The folder or file that an option names: one on this machine, or one below a URL. Raises DataError.

        Parameters
        ----------
        folder : whether it must be a folder, or a file; None for either.
        """
        if is_url(place):
            return existing_at(str(place), option=option, cache=self.cache, cache_gb=self.cache_gb)
        return existing(place, option=option, folder=is_folder(Path(place)) if folder is None else folder)

    def local_file(self, place: Path | str, *, option: str) -> Path:
        """A file of annotations that exists on this machine, or a copy of the one at a URL. Raises DataError."""
        if is_url(place):
            return copied_file(str(place), option=option, cache=self.cache, cache_gb=self.cache_gb)
        return existing(place, option=option, folder=False)

    def local_folder(self, place: Path | str, names: Sequence[str], *, option: str) -> Path:
        """A folder of annotations that exists on this machine, or copies of those of some files that are at a URL."""
        if is_url(place):
            return copied_folder(str(place), names, option=option, cache=self.cache, cache_gb=self.cache_gb)
        return existing(place, option=option, folder=True)

    def present(self, names: Iterable[str]) -> ImageStore | None:
        """What holds the images, with all these files; None where there are none. Raises DataError."""
        names = dict.fromkeys(names)
        if not self.outside:
            check_inside(names)
        if self.images is None:
            return None
        self.store.check(names)
        return self.store

    def sizes_of(self, store: ImageStore, names: Sequence[str]) -> list[tuple[int, int]]:
        """Width and height of each image as it will be opened, from its header alone. Raises DataError.

        Where damaged images are skipped, one without a header gets `UNREADABLE`, until `samples` leaves it out.
        """
        unreadable = UNREADABLE if self.damaged == "skip" else None
        return store.sizes(names, upright=self.upright, otherwise=SKIP, unreadable=unreadable)

    def samples(self) -> Sequence[Sample]:
        return self._sound if self.damaged == "skip" else super().samples()

    def mask_files(self) -> Mapping[str, Sequence[str]]:
        """By image id, the names of the files of its mask in `mask_store`; empty where there are none."""
        return {}

    @property
    def mask_store(self) -> ImageStore | None:
        """What holds the mask files; None where there are none."""
        return None

    def mask_content(self, name: str) -> bytes:
        """The bytes of a mask file. Raises DataError where it is missing or was changed during the run."""
        assert self.mask_store is not None
        known = self._mask_contents if "_mask_contents" in self.__dict__ else {}
        return self.mask_store.read_unchanged(name, known)

    def decoded(self) -> Mapping[str, Decoded]:
        """By file name, what decoding gives: a size, or the damage; each image is decoded once, or was before."""
        return self._decoded

    def decoded_masks(self) -> Mapping[str, Decoded]:
        """As `decoded`, of the mask files."""
        return self._decoded_masks

    def notes(self) -> Sequence[str]:
        return (*super().notes(), *(self._damage_notes if self.damaged == "skip" else ()))

    @cached_property
    def _sound(self) -> tuple[Sample, ...]:
        samples = super().samples()
        sound = tuple(sample for sample in samples if not self._is_damaged(sample))
        if not sound:
            first, reason = next(iter((self._damaged | self._damaged_masks).items()))
            raise DataError(f"all {len(samples)} images are damaged, first {short(first)} ({reason})")
        for note in self._damage_notes:
            log.warning("%s", note)
        return sound

    @property
    def _damage_notes(self) -> Sequence[str]:
        notes = [_left_out(self._damaged, "image")] if self._damaged else []
        return [*notes, _left_out(self._damaged_masks, "mask", with_image=True)] if self._damaged_masks else notes

    def _is_damaged(self, sample: Sample) -> bool:
        masks = self._masks_listed.get(sample.image_id, ())
        return self.file_name(sample) in self._damaged or any(name in self._damaged_masks for name in masks)

    @cached_property
    def _damaged(self) -> dict[str, str]:
        """By file name, why an image can't be decoded."""
        return {name: one.damage for name, one in self._decoded.items() if one.damage}

    @cached_property
    def _damaged_masks(self) -> dict[str, str]:
        """By file name, why a mask can't be decoded; empty where nobody asked to skip such."""
        decoded = self._decoded_masks if self.damaged == "skip" else {}
        return {name: one.damage for name, one in decoded.items() if one.damage}

    @cached_property
    def _decoded(self) -> dict[str, Decoded]:
        if self.images is None:
            return {}
        names = list(dict.fromkeys(self.file_name(sample) for sample in super().samples()))
        rule = "upright" if self.upright else "as stored"
        return decode_all(self.digests_of(names, lost=ABSENT), self._decode, rule=rule)

    @cached_property
    def _decoded_masks(self) -> dict[str, Decoded]:
        return decode_all(self._mask_contents, self._decode_mask, rule="mask")

    def _decode(self, name: str) -> Decoded:
        try:
            content = self.content_of(name, {})
        except Unreachable as error:
            return Decoded(None, error.reason)
        return decoded_image(content, upright=self.upright)

    def _decode_mask(self, name: str) -> Decoded:
        try:
            return decoded_mask(self.mask_content(name))
        except Unreachable as error:
            return Decoded(None, error.reason)

    def fingerprint(self) -> str:
        """Of contents alone, so that one data set in several layouts has one fingerprint."""
        return self.digest(*map(self.stamp, self.samples()), *["damaged=skip"] * (self.damaged == "skip"))

    def stamp(self, sample: Sample) -> str:
        content = self._contents.get(self.file_name(sample), "")
        return " ".join(filter(None, (content, "upright" * self.upright, self.mask_stamp(sample))))

    def mask_stamp(self, sample: Sample) -> str:
        """What decides the mask of a sample; empty where it has none."""
        return " ".join(self._mask_contents.get(name, ABSENT) for name in self._masks_listed.get(sample.image_id, ()))

    @cached_property
    def _contents(self) -> Mapping[str, str]:
        names = [self.file_name(sample) for sample in self.samples()]
        return {} if self.images is None else self.digests_of(names)

    @cached_property
    def _masks_listed(self) -> Mapping[str, Sequence[str]]:
        return {} if self.mask_store is None else self.mask_files()

    @cached_property
    def _mask_contents(self) -> dict[str, str]:
        names = dict.fromkeys(name for names in self._masks_listed.values() for name in names)
        lost = ABSENT if self.damaged == "skip" else None
        return {} if self.mask_store is None else self.mask_store.digests(list(names), lost=lost)


def _left_out(damage: Mapping[str, str], kind: str, *, with_image: bool = False) -> str:
    """The sentence under a table about files that can't be decoded."""
    first, reason = next(iter(damage.items()))
    one = len(damage) == 1
    which = f"1 damaged {kind} is" if one else f"{len(damage)} damaged {kind}s are"
    also = f" together with {'its image' if one else 'their images'}" if with_image else ""
    return f"{which} left out of all rows{also} (dataset.damaged=skip), first {short(first)} ({reason})."
