"""Images within tar archives, as webdataset and the original downloads have them: read in place, by offset."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from wsol.datasets.contents import content_digest, key_of, remember, remembered, settled, verifying
from wsol.datasets.fields import short
from wsol.datasets.image_files import header_size
from wsol.datasets.listing import IMAGE_SUFFIXES, for_each
from wsol.errors import DataError

if TYPE_CHECKING:
    from wsol.datasets.stores.remote_path import AnyPath

HEADER = 1 << 18  # bytes in which an image's header is: some photographs have a thumbnail and a color profile first


@dataclass(frozen=True, slots=True)
class Member:
    """Where a file of an archive is."""

    archive: AnyPath
    offset: int
    size: int


class TarPack:
    """The images of some archives, by ``archive.tar/name``; `beside` has all other members."""

    def __init__(self, archives: Sequence[AnyPath]) -> None:
        self.images: dict[str, Member] = {}
        self.beside: dict[str, Member] = {}
        self._digests: dict[str, str] = {}
        again = verifying()  # threads don't know
        listed = for_each(lambda archive: members_of(archive, again=again), archives)
        for archive, members in zip(archives, listed, strict=True):
            for name, member in members.items():
                table = self.images if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES else self.beside
                table[f"{archive.name}/{name}"] = member

    def read(self, name: str) -> bytes:
        return bytes_of(self.images[name])

    def size_wh(self, name: str, *, upright: bool) -> tuple[int, int]:
        member = self.images[name]
        return header_size(bytes_of(member, HEADER), name, upright=upright)

    def digest(self, name: str) -> str:
        if name not in self._digests:
            self._digests[name] = content_digest(self.read(name))
        return self._digests[name]

    def text(self, name: str) -> str | None:
        """The text of a member that is no image; None where there is none. Raises DataError."""
        member = self.beside.get(name)
        if member is None:
            return None
        try:
            return bytes_of(member, HEADER).decode().strip()
        except UnicodeDecodeError as error:
            raise DataError(f"{short(name)} can't be read as text: {error}") from error


def first_members(archive: AnyPath, count: int = 4) -> list[str]:
    """The names of the first members; none where it is not an uncompressed archive."""
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as opened:
            return [info.name for info, _ in zip(opened, range(count), strict=False)]
    except (tarfile.TarError, OSError, ValueError, EOFError):
        return []


def members_of(archive: AnyPath, *, again: bool = False) -> dict[str, Member]:
    """The regular files of an uncompressed archive by name. Raises DataError.

    Parameters
    ----------
    again : list them, even where that is remembered of an earlier time.
    """
    key = key_of(archive)
    known = remembered("members", [key]) if key and not again else {}
    if key in known:
        listed = msgspec.json.decode(known[key], type=list[tuple[str, int, int]])
    else:
        listed = _listed(archive)
        if key and settled(key):
            remember("members", {key: msgspec.json.encode(listed).decode()})
    return {name: Member(archive, offset, size) for name, offset, size in listed}


def bytes_of(member: Member, at_most: int | None = None) -> bytes:
    """The content of a member, or its beginning. Raises DataError where the archive can't be read, or is cut off."""
    size = member.size if at_most is None else min(member.size, at_most)
    try:
        with member.archive.open("rb") as file:
            file.seek(member.offset)
            content = file.read(size)
    except OSError as error:
        raise DataError(f"{member.archive} can't be read: {error.strerror}") from error
    if len(content) < size:
        raise DataError(f"{member.archive} can't be read: it is cut off after {_size(member.archive)} bytes")
    return content


def _listed(archive: AnyPath) -> list[tuple[str, int, int]]:
    """Name, offset and size of each regular file of an archive."""
    try:
        size = _size(archive)
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as opened:
            listed = [(info.name, info.offset_data, info.size) for info in opened if info.isreg()]
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise DataError(f"{archive} can't be read as an uncompressed tar archive: {error}") from error
    if size % tarfile.BLOCKSIZE:  # tarfile takes half a header for the end
        raise DataError(f"{archive} can't be read as an uncompressed tar archive: it is cut off after {size} bytes")
    return listed


def _size(archive: AnyPath) -> int:
    return archive.stat().st_size if isinstance(archive, Path) else archive.size() or 0
