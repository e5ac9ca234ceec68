"""Folders and images on disk: what is there, what is missing, what it holds, and one way to open an image."""

from __future__ import annotations

import hashlib
import logging
import os
import unicodedata
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wsol.datasets.base import Dataset, Sample
from wsol.datasets.contents import content_digest, content_digests
from wsol.datasets.decoding import Decoded, decode_all
from wsol.datasets.fields import read_bytes, short
from wsol.datasets.pixels import decode_image, decode_mask, image_size
from wsol.errors import DataError, unknown
from wsol.options import option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
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
        try:
            return Decoded(decode_image(content, upright=self.upright)[0].size)
        except Exception as error:  # as in `as_rgb`
            return Decoded(None, _reason(error))

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


def existing(path: Path | str, *, option: str, folder: bool) -> Path:
    """`path` as a folder or file that exists. Raises DataError with the option's name and the nearest path."""
    full = Path(path).expanduser()
    try:
        if full.is_dir() if folder else full.is_file():
            return full
        kind, other = ("folder", "file") if folder else ("file", "folder")
        if full.exists():
            is_other = full.is_file() if folder else full.is_dir()
            raise DataError(f"{option}={path} is {'a ' + other if is_other else 'a pipe or device'}, not a {kind}")
        if full.is_symlink():
            raise DataError(f"{option}={path} is a link to {full.readlink()}, which is not there")
        beside = list(full.parent.iterdir()) if full.parent.is_dir() else []
        near = [str(p) for p in beside if (p.is_dir() if folder else p.is_file())]
    except (OSError, ValueError) as error:  # a name that is too long, a folder that may not be listed
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{option}={short(str(path))} can't be read: {reason}") from error
    raise unknown(f"{kind} for {option}:", str(path), near, error=DataError)


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; false for what can't be a path at all, such as a name that is too long."""
    try:
        return path.expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


def check_inside(names: Iterable[str], *, allow: str = "dataset.outside=true") -> None:
    """Raises DataError for a file name that is absolute, climbs out of its folder or is not a name at all."""
    for name in names:
        plain = name.replace("\\", "/")
        if not name or "\0" in name:
            raise DataError(f"the file name {short(name)} can't be one")
        if plain.startswith("/") or ".." in plain.split("/") or plain[1:3] == ":/":
            raise DataError(f"the file name {short(name)} leads out of the folder of its dataset; {allow} allows it")


def check_present(
    folder: Path, files: Iterable[str], *, option: str, what: str = "images", outside: bool = False
) -> None:
    """Raises DataError with how many of `files` are missing under `folder`, and the first. No file is opened.

    Each folder is listed once: asking for 50,000 files one by one is slow on network disks. Unless `outside`, a link
    that leaves the folder is refused, too.
    """
    root = folder.resolve()
    listed: dict[str, dict[str, bool]] = {}
    missing, count = [], 0
    for name in files:
        count += 1
        parent, _, base = name.rpartition("/")
        if parent not in listed:
            listed[parent] = _listed(folder / parent)
            if not outside and listed[parent]:
                _check_link(folder / parent, root, option)
        if base not in listed[parent]:
            missing.append(name)
        elif listed[parent][base]:
            at = folder / name
            if not at.exists():
                raise DataError(f"{at} is a link to {at.readlink()}, which is not there")
            if not outside:
                _check_link(at, root, option)
    if missing:
        raise DataError(_missing(folder, missing, count, f"{what} are missing under {option}={folder}", option, listed))


def _listed(folder: Path) -> dict[str, bool]:
    """The names in a folder, and whether each is a link; empty where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.is_symlink() for entry in entries}
    except (OSError, ValueError):
        return {}


def _check_link(path: Path, root: Path, option: str) -> None:
    target = path.resolve()
    if not target.is_relative_to(root):
        raise DataError(f"{path} leads to {target}, out of {option}={root}; dataset.outside=true allows it")


def contents_of(folder: Path | str | None, names: Iterable[str]) -> dict[str, str]:
    """Name to a digest of the file's bytes; empty without a folder, and ``-`` for a file that is not there."""
    if folder is None:
        return {}
    root = Path(folder).expanduser()
    unique = list(dict.fromkeys(names))
    return dict(zip(unique, content_digests([root / name for name in unique]), strict=True))


def as_rgb(content: bytes, path: Path, *, image_id: str, upright: bool, otherwise: str = "") -> tuple[Image, bool]:
    """See `wsol.datasets.pixels.decode_image`. Raises DataError, which ends in `otherwise`."""
    try:
        return decode_image(content, upright=upright)
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DataError(f"image {short(image_id)} can't be read: {path} ({_reason(error)}){otherwise}") from error


def open_image(path: Path, *, image_id: str, upright: bool = False) -> Image:
    """The image of any file as RGB, fully read. Raises DataError: missing, corrupt, or of an unknown range."""
    if not path.is_file():
        raise DataError(f"image {short(image_id)} is missing: there is no file {path}")
    return as_rgb(read_bytes(path), path, image_id=image_id, upright=upright)[0]


def header_sizes(
    folder: Path,
    files: Sequence[str],
    *,
    upright: bool = False,
    otherwise: str = "",
    unreadable: tuple[int, int] | None = None,
) -> list[tuple[int, int]]:
    """Width and height of each image, from its header alone.

    For other files `unreadable`; where that is None, raises DataError, which ends in `otherwise`.
    """
    sizes = []
    for name in files:
        try:
            if not (folder / name).is_file():  # a pipe would wait for its writer for ever
                raise ValueError("not a file")
            sizes.append(image_size(folder / name, upright=upright))
        except Exception as error:  # as in `as_rgb`
            if unreadable is None:
                reason = f"{folder / name} ({_reason(error)}){otherwise}"
                raise DataError(f"image {short(name)} can't be read: {reason}") from error
            sizes.append(unreadable)
    return sizes


def as_mask(content: bytes, path: Path, *, image_id: str) -> NDArray[np.bool_]:
    """A mask file as (h, w), true where it is not zero. Raises DataError."""
    try:
        return decode_mask(content)
    except Exception as error:  # as in `as_rgb`
        raise DataError(f"a mask of image {short(image_id)} can't be read: {path} ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """Why an image can't be read; Pillow names the buffer it was given, which says nothing."""
    import PIL

    return "not an image" if isinstance(error, PIL.UnidentifiedImageError) else str(error) or type(error).__name__


def _missing(
    folder: Path,
    missing: Sequence[str],
    count: int,
    complaint: str,
    option: str,
    listed: Mapping[str, Mapping[str, bool]],
) -> str:
    first = missing[0]
    sentence = f"{len(missing)} of {count} {complaint}, first {short(first)}"
    if len(missing) == count:  # the usual reason: the folder is one level too deep or too high
        if (folder.parent / first).is_file():
            return f"{sentence}; did you mean {option}={folder.parent}?"
        for inner in sorted(p for p in folder.iterdir() if p.is_dir()):
            if (inner / first).is_file():
                return f"{sentence}; did you mean {option}={inner}?"
    if "\\" in first and (folder / first.replace("\\", "/")).is_file():
        return f"{sentence}; write '/' for '\\'"
    parent, _, base = first.rpartition("/")
    near = next((name for name in listed.get(parent, ()) if _folded(name) == _folded(base)), None)
    if near is None:
        return sentence
    same = unicodedata.normalize("NFC", near) == unicodedata.normalize("NFC", base)
    way = "accents written in another Unicode form" if same else "other capitals"
    return f"{sentence}; there is {near!a}, with {way} than {base!a}"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def fingerprint_of(lines: Iterable[str]) -> str:
    """16 hex digits of some lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
