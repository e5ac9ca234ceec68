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
from wsol.datasets.contents import content_digest, contents_of
from wsol.datasets.decoding import Decoded, decode_all
from wsol.datasets.fields import read_bytes, short
from wsol.datasets.image_files import as_rgb, decoded_image, header_sizes
from wsol.datasets.paths import check_inside, check_present, existing
from wsol.errors import DataError
from wsol.options import option

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger(__name__)

SKIP = "; dataset.damaged=skip leaves such images out"
UNREADABLE = (13_377, 13_377)  # of an image that will be left out: the largest square there is, so that boxes fit


@dataclass(frozen=True, kw_only=True, eq=False)
class FileDataset(Dataset):
    """A dataset of image files in a folder, decoded by `wsol.datasets.pixels.RULES`."""

    images: Path | None = option(
        help="folder that file names are relative to; null where the annotations have sizes and boxes are enough"
    )
    upright: bool = option(
        False,
        help="turn images as their camera's EXIF tag says, for annotations made on upright pictures; else annotations "
        "are of the pixels as stored",
    )
    damaged: Literal["fail", "skip"] = option(
        "fail",
        help="an image that can't be decoded: fail, or skip: decode each image once beforehand, leave the damaged ones "
        "out of all rows and say so under the table",
    )
    outside: bool = option(False, help="allow file names (../a.jpg, /data/a.jpg) and links that leave the folder")

    @abstractmethod
    def file_name(self, sample: Sample) -> str:
        """The image file of a sample, relative to `images`."""

    def image(self, sample: Sample) -> Image:
        if self.images is None:
            raise DataError("dataset.images=null: there are only sizes and boxes; name the folder of the images")
        name = self.file_name(sample)
        path = Path(self.images).expanduser() / name
        content = self.unchanged(path, name, self._contents if "_contents" in self.__dict__ else {})
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
        """The image that the log was warned of."""
        return []

    def unchanged(self, path: Path, name: str, contents: Mapping[str, str]) -> bytes:
        """A file's content. Raises DataError where it is not what it was when `contents` were taken."""
        if not path.is_file():
            raise DataError(f"image {short(name)} is missing: there is no file {path}")
        content = read_bytes(path)
        if contents.get(name, known := content_digest(content)) != known:
            raise DataError(f"image {short(name)} was changed during the run: {path}; start the command again")
        return content

    def present(self, names: Iterable[str]) -> Path | None:
        """The folder of the images, which must hold these files; None where there is none. Raises DataError."""
        names = dict.fromkeys(names)
        if not self.outside:
            check_inside(names)
        if self.images is None:
            return None
        folder = existing(self.images, option="dataset.images", folder=True)
        check_present(folder, names, option="dataset.images", outside=self.outside)
        return folder

    def sizes_of(self, folder: Path, names: Sequence[str]) -> list[tuple[int, int]]:
        """Width and height of each image as it will be opened, from its header alone. Raises DataError.

        Where damaged images are skipped, one without a header gets `UNREADABLE`, until `samples` leaves it out.
        """
        unreadable = UNREADABLE if self.damaged == "skip" else None
        return header_sizes(folder, names, upright=self.upright, otherwise=SKIP, unreadable=unreadable)

    def samples(self) -> Sequence[Sample]:
        return self._sound if self.damaged == "skip" else super().samples()

    def decoded(self) -> Mapping[str, Decoded]:
        """By file name, what decoding gives: a size, or the damage; each image is decoded once, or was before."""
        return self._decoded

    def notes(self) -> Sequence[str]:
        notes = super().notes()
        if self.damaged == "fail" or not self._damaged:
            return notes
        count, (first, reason) = len(self._damaged), next(iter(self._damaged.items()))
        images = f"{count} damaged image{'s are' if count > 1 else ' is'}"
        return (*notes, f"{images} left out of all rows (dataset.damaged=skip), first {short(first)} ({reason}).")

    @cached_property
    def _sound(self) -> tuple[Sample, ...]:
        samples = super().samples()
        sound = tuple(sample for sample in samples if self.file_name(sample) not in self._damaged)
        if not sound:
            first, reason = next(iter(self._damaged.items()))
            raise DataError(f"all {len(samples)} images are damaged, first {short(first)} ({reason})")
        if self._damaged:
            log.warning("%s", self.notes()[-1])
        return sound

    @cached_property
    def _damaged(self) -> dict[str, str]:
        """By file name, why an image can't be decoded."""
        return {name: one.damage for name, one in self._decoded.items() if one.damage}

    @cached_property
    def _decoded(self) -> dict[str, Decoded]:
        if self.images is None:
            return {}
        names = list(dict.fromkeys(self.file_name(sample) for sample in super().samples()))
        rule = "upright" if self.upright else "as stored"
        return decode_all(contents_of(self.images, names), self._decode, rule=rule)

    def _decode(self, name: str) -> Decoded:
        content = self.unchanged(Path(str(self.images)).expanduser() / name, name, {})
        return decoded_image(content, upright=self.upright)

    def fingerprint(self) -> str:
        lines = [f"{name}\t{content}" for name, content in self._contents.items()]
        chosen = ["upright"] * self.upright + ["damaged=skip"] * (self.damaged == "skip")
        return self.digest(*self.details(), *lines, *chosen)

    def details(self) -> Sequence[str]:
        """What decides rows beside samples and the contents of the image files."""
        return ()

    def stamp(self, sample: Sample) -> str:
        return self._contents.get(self.file_name(sample), "") + (" upright" if self.upright else "")

    @cached_property
    def _contents(self) -> dict[str, str]:
        return contents_of(self.images, (self.file_name(sample) for sample in self.samples()))
