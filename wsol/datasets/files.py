"""Folders and images on disk: what is there, what is missing, and one way to open an image."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.datasets.base import Dataset, Sample
from wsol.errors import DataError, unknown
from wsol.options import option

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, kw_only=True, eq=False)
class FileDataset(Dataset):
    """A dataset of image files in a folder."""

    images: Path | None = option(
        help="folder that file names are relative to; null where the annotations have sizes and boxes are enough"
    )

    @abstractmethod
    def file_name(self, sample: Sample) -> str:
        """The image file of a sample, relative to `images`."""

    def image(self, sample: Sample) -> Image:
        if self.images is None:
            raise DataError("dataset.images=null: there are only sizes and boxes; name the folder of the images")
        name = self.file_name(sample)
        return open_image(Path(self.images).expanduser() / name, image_id=name, size_wh=sample.size_wh)

    def present(self, names: Iterable[str]) -> Path | None:
        """The folder of the images, which must hold these files; None where there is none. Raises DataError."""
        if self.images is None:
            return None
        folder = existing(self.images, option="dataset.images", folder=True)
        check_present(folder, dict.fromkeys(names), option="dataset.images")
        return folder

    def fingerprint(self) -> str:
        names = dict.fromkeys(self.file_name(sample) for sample in self.samples())
        return self.digest(*self.details(), *sizes_in_bytes(self.images, names))

    def details(self) -> Sequence[str]:
        """What decides rows beside samples and the lengths of the image files."""
        return ()

    def stamp(self, sample: Sample) -> str:
        return length(self.images, self.file_name(sample))


def existing(path: Path | str, *, option: str, folder: bool) -> Path:
    """`path` as a folder or file that exists. Raises DataError with the option's name and the nearest path."""
    full = Path(path).expanduser()
    if full.is_dir() if folder else full.is_file():
        return full
    kind, other = ("folder", "file") if folder else ("file", "folder")
    if full.exists():
        raise DataError(f"{option}={path} is a {other}, not a {kind}")
    beside = list(full.parent.iterdir()) if full.parent.is_dir() else []
    near = [str(p) for p in beside if (p.is_dir() if folder else p.is_file())]
    raise unknown(f"{kind} for {option}:", str(path), near, error=DataError)


def read_lines(path: Path) -> list[tuple[int, str]]:
    """(line number from 1, text) of every line that isn't blank. Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read as text: {error}") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def check_present(folder: Path, files: Iterable[str], *, option: str, what: str = "images") -> None:
    """Raises DataError with how many of `files` are missing under `folder`, and the first. No file is opened.

    Each folder is listed once: asking for 50,000 files one by one is slow on network disks.
    """
    listed: dict[str, set[str]] = {}
    missing, count = [], 0
    for name in files:
        count += 1
        parent, _, base = name.rpartition("/")
        if parent not in listed:
            at = folder / parent
            listed[parent] = {entry.name for entry in os.scandir(at)} if at.is_dir() else set()
        if base not in listed[parent]:
            missing.append(name)
    if missing:
        raise DataError(_missing(folder, missing, count, f"{what} are missing under {option}={folder}", option))


def sizes_in_bytes(folder: Path | str | None, names: Iterable[str]) -> list[str]:
    """Name and length of each file, for fingerprints: other pixels are hardly ever as many bytes. No file is opened."""
    if folder is None:
        return []
    root = Path(folder).expanduser()
    return [f"{name}\t{(root / name).stat().st_size if (root / name).is_file() else -1}" for name in names]


def length(folder: Path | str | None, name: str) -> str:
    """Length of one file in bytes, as `sizes_in_bytes` has it; empty without a folder."""
    return "".join(line.rpartition("\t")[2] for line in sizes_in_bytes(folder, [name]))


def open_image(path: Path, *, image_id: str, size_wh: tuple[int, int] | None = None) -> Image:
    """The image as RGB, fully read. Raises DataError: missing, corrupt, or of another size than annotated.

    The orientation tag of cameras is not applied: annotations are in the pixels as stored.
    """
    import PIL.Image

    if not path.is_file():
        raise DataError(f"image {image_id!r} is missing: there is no file {path}")
    try:
        with PIL.Image.open(path) as stored:
            image = _eight_bits(stored).convert("RGB")
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DataError(f"image {image_id!r} can't be read, the file is corrupt: {path} ({error})") from error
    if size_wh is not None and image.size != size_wh:
        stored_as, annotated = "x".join(map(str, image.size)), "x".join(map(str, size_wh))
        raise DataError(f"image {image_id!r} is {stored_as} pixels, but its annotation is for {annotated}: {path}")
    return image


def _eight_bits(image: Image) -> Image:
    """Grey images of 16 bits with the upper eight of them; Pillow's own conversion cuts them off at 255."""
    import numpy as np
    import PIL.Image

    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    # PNGs of 16 bits are read as I;16 or as I; real 32-bit images have no range that all agree on
    return PIL.Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))


def header_sizes(folder: Path, files: Sequence[str]) -> list[tuple[int, int]]:
    """Width and height of each image, from its header alone. Raises DataError for other files."""
    import PIL.Image

    sizes = []
    for name in files:
        try:
            with PIL.Image.open(folder / name) as stored:
                sizes.append(stored.size)
        except Exception as error:  # as in `open_image`
            raise DataError(f"image {name!r} can't be read, the file is corrupt: {folder / name} ({error})") from error
    return sizes


def open_mask(path: Path, *, image_id: str) -> Image:
    """A mask as 8-bit grey. Raises DataError for a missing or corrupt file."""
    import PIL.Image

    try:
        with PIL.Image.open(path) as stored:
            return _eight_bits(stored).convert("L")
    except Exception as error:  # as in `open_image`
        raise DataError(f"a mask of image {image_id!r} can't be read: {path} ({error})") from error


def _missing(folder: Path, missing: Sequence[str], count: int, complaint: str, option: str) -> str:
    sentence = f"{len(missing)} of {count} {complaint}, first {missing[0]!r}"
    if len(missing) == count:  # the usual reason: the folder is one level too deep or too high
        if (folder.parent / missing[0]).is_file():
            return f"{sentence}; did you mean {option}={folder.parent}?"
        for inner in sorted(p for p in folder.iterdir() if p.is_dir()):
            if (inner / missing[0]).is_file():
                return f"{sentence}; did you mean {option}={inner}?"
    return sentence
