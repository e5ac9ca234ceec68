"""Where image and mask files come from: what each kind of place must do, and a folder of this machine."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from wsol.datasets.contents import content_digest, contents_of
from wsol.datasets.fields import short
from wsol.datasets.image_files import header_sizes, read_unchanged, reason_of
from wsol.datasets.paths import check_present, existing
from wsol.datasets.pixels import image_size
from wsol.errors import DataError

Size = tuple[int, int]
READERS = 16  # threads: they wait for disks and networks


@dataclass(frozen=True, slots=True)
class FileKind:
    """What the files of a store are, and the option that names their place: words of messages."""

    what: str
    option: str


IMAGES, MASKS = FileKind("image", "dataset.images"), FileKind("mask", "dataset.masks")


class Unreachable(DataError):
    """A file that exists and can't be fetched, for a `reason`."""

    def __init__(self, name: str, place: str, reason: str, what: str = "image") -> None:
        super().__init__(f"{what} {short(name)} can't be fetched: {place} ({reason})")
        self.reason = f"not fetched: {reason}"


class ImageStore(ABC):
    """The image files of a dataset, or its mask files, by name."""

    kind = IMAGES

    @abstractmethod
    def check(self, names: Collection[str]) -> None:
        """Raises DataError with how many names have no file, and the first. No file is opened."""

    @abstractmethod
    def place(self, name: str) -> str:
        """Where a file is, for messages."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises DataError; Unreachable where the file is there and fetching it failed."""

    @abstractmethod
    def digests(self, names: Sequence[str], *, lost: str | None = None) -> dict[str, str]:
        """By name `content_digest` of each file's bytes; `lost` for a file that is `Unreachable`, None to raise."""

    def read_unchanged(self, name: str, known: Mapping[str, str]) -> bytes:
        """As `read`; raises DataError, too, where the content is not what `known` digests say."""
        content = self.read(name)
        if known.get(name, digest := content_digest(content)) != digest:
            raise DataError(
                f"{self.kind.what} {short(name)} was changed during the run: {self.place(name)}; start the command "
                "again"
            )
        return content

    def sizes(
        self, names: Sequence[str], *, upright: bool, otherwise: str = "", unreadable: Size | None = None
    ) -> list[Size]:
        """As `wsol.datasets.image_files.header_sizes`."""

        def size_of(name: str) -> Size:
            try:
                return image_size(io.BytesIO(self.read(name)), upright=upright)
            except Unreachable as error:
                if unreadable is None:
                    raise DataError(f"{error}{otherwise}") from error
                return unreadable
            except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
                if unreadable is None:
                    reason = f"{self.place(name)} ({reason_of(error)}){otherwise}"
                    raise DataError(f"{self.kind.what} {short(name)} can't be read: {reason}") from error
                return unreadable

        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(size_of, names))


class FolderStore(ImageStore):
    """Files in a folder of this machine; unless `outside`, links may not leave it."""

    def __init__(self, folder: Path | str, *, outside: bool, kind: FileKind = IMAGES) -> None:
        self.given, self.folder, self.outside = folder, Path(folder).expanduser(), outside
        self.kind = kind

    def check(self, names: Collection[str]) -> None:
        option, what = self.kind.option, f"{self.kind.what}s"
        folder = existing(self.given, option=option, folder=True)
        check_present(folder, names, option=option, what=what, outside=self.outside)

    def place(self, name: str) -> str:
        return str(self.folder / name)

    def read(self, name: str) -> bytes:
        return self.read_unchanged(name, {})

    def read_unchanged(self, name: str, known: Mapping[str, str]) -> bytes:
        return read_unchanged(self.folder / name, name, known, what=self.kind.what)

    def digests(self, names: Sequence[str], *, lost: str | None = None) -> dict[str, str]:
        return contents_of(self.folder, names)

    def sizes(
        self, names: Sequence[str], *, upright: bool, otherwise: str = "", unreadable: Size | None = None
    ) -> list[Size]:
        return header_sizes(self.folder, names, upright=upright, otherwise=otherwise, unreadable=unreadable)


def check_listed(names: Collection[str], known: Collection[str], where: str, kind: FileKind) -> None:
    """Raises DataError with how many of `names` are not among the `known` ones, and the first."""
    if missing := [name for name in names if name not in known]:
        raise DataError(
            f"{len(missing)} of {len(names)} {kind.what}s are missing under {kind.option}={where}, first "
            f"{short(missing[0])}"
        )
