"""Images within tar archives, as webdataset and the original downloads have them: read in place, by offset."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wsol.datasets.contents import content_digest
from wsol.datasets.fields import short
from wsol.datasets.listing import IMAGE_SUFFIXES
from wsol.datasets.tree import header_size
from wsol.errors import DataError

HEADER = 1 << 18  # bytes in which an image's header is: some photographs have a thumbnail and a color profile first


@dataclass(frozen=True, slots=True)
class Member:
    """Where a file of an archive is."""

    archive: Path
    offset: int
    size: int


class TarPack:
    """The images of some archives, by ``archive.tar/name``; `beside` has all other members."""

    def __init__(self, archives: Sequence[Path]) -> None:
        self.images: dict[str, Member] = {}
        self.beside: dict[str, Member] = {}
        for archive in archives:
            for info in _members(archive):
                table = self.images if PurePosixPath(info.name).suffix.lower() in IMAGE_SUFFIXES else self.beside
                table[f"{archive.name}/{info.name}"] = Member(archive, info.offset_data, info.size)

    def read(self, name: str) -> bytes:
        return _bytes_of(self.images[name])

    def size_wh(self, name: str, *, upright: bool) -> tuple[int, int]:
        member = self.images[name]
        return header_size(_bytes_of(member, HEADER), name, upright=upright)

    def digest(self, name: str) -> str:
        return content_digest(self.read(name))

    def text(self, name: str) -> str | None:
        """The text of a member that is no image; None where there is none. Raises DataError."""
        member = self.beside.get(name)
        if member is None:
            return None
        try:
            return _bytes_of(member, HEADER).decode().strip()
        except UnicodeDecodeError as error:
            raise DataError(f"{short(name)} can't be read as text: {error}") from error


def first_members(archive: Path, count: int = 4) -> list[str]:
    """The names of the first members; none where it is no uncompressed archive."""
    try:
        with tarfile.open(archive, "r:") as opened:
            return [info.name for info, _ in zip(opened, range(count), strict=False)]
    except (tarfile.TarError, OSError, ValueError, EOFError):
        return []


def _members(archive: Path) -> list[tarfile.TarInfo]:
    """The regular files of an uncompressed archive. Raises DataError."""
    try:
        with tarfile.open(archive, "r:") as opened:
            return [info for info in opened if info.isreg()]
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise DataError(f"{archive} can't be read as an uncompressed tar archive: {error}") from error


def _bytes_of(member: Member, at_most: int | None = None) -> bytes:
    try:
        with member.archive.open("rb") as file:
            file.seek(member.offset)
            return file.read(member.size if at_most is None else min(member.size, at_most))
    except OSError as error:
        raise DataError(f"{member.archive} can't be read: {error.strerror}") from error
