"""Members of archives, one after the other as the file is read; what could harm is refused, whoever made it.

Refused are names that are absolute or climb out of the tree, links out of it, devices and pipes, more than `DEEPEST`
archives in one another, and bombs (`_limits`). Other links are passed over. Nothing here writes a member under its own
name.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from wsol.datasets.fields import short
from wsol.datasets.prepare._limits import Budget, Counted
from wsol.errors import DataError

SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip")
DEEPEST = 3  # the archive of a challenge holds the archive of its data
MAGIC: dict[bytes, Callable[[Any], Any]] = {  # whatever the name says: browsers unpack .gz on their own
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes
    ----------
    path : with ``/``; below the name of its archive where that lies in another one.
    size : in bytes, as the archive declares it.
    open : its content, until the next member is asked for.
    """

    path: str
    size: int
    open: Callable[[], IO[bytes]]


def is_archive(name: str) -> bool:
    """Whether a file's name is one of an archive."""
    return name.lower().endswith(SUFFIXES)


def folder_of(name: str) -> str:
    """The folder that an archive stands for: its name without the suffix."""
    base = PurePosixPath(name).name
    suffix = max((suffix for suffix in SUFFIXES if base.lower().endswith(suffix)), key=len)
    return base[: -len(suffix)]


def members(path: Path, budget: Budget, *, skips: Callable[[str], bool], spool: Path) -> Iterator[Member]:
    """The files of an archive and of the archives in it, in their order.

    Parameters
    ----------
    skips : by an archive's name, whether it is passed over.
    spool : folder for a zip file within an archive, which can't be read in order.

    Raises
    ------
    DataError : the archive is not one, is truncated or damaged, or is refused (see the module).
    """
    with reported(path.name), path.open("rb") as file:
        yield from _members(file, path.name, "", budget, skips, spool, depth=1)


@contextmanager
def reported(name: str) -> Iterator[None]:
    """Errors of archive modules as one sentence."""
    try:
        yield
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno:  # of the disk, not of the archive
            raise DataError(f"{name} can't be read: {error.strerror}") from error
        reason = str(error) or type(error).__name__
        raise DataError(f"{name} is damaged or was not downloaded to its end: {reason}; download it again") from error


def _members(
    file: IO[bytes],
    name: str,
    prefix: str,
    budget: Budget,
    skips: Callable[[str], bool],
    spool: Path,
    *,
    depth: int,
) -> Iterator[Member]:
    """The members of one archive; `prefix` is the folder that stands for it."""
    if depth > DEEPEST:
        raise DataError(f"{name} is nested {depth} archives deep; at most {DEEPEST} are unpacked")
    listed = _zip_members if name.lower().endswith(".zip") else _tar_members
    for member in listed(file, name, budget):
        base = PurePosixPath(member.path).name
        if not is_archive(base):
            yield Member(prefix + member.path, member.size, member.open)
        elif not skips(base):
            folder = PurePosixPath(prefix, member.path).parent / folder_of(base)
            inner = member.open()
            if base.lower().endswith(".zip"):
                inner = _spooled(inner, member, spool)
            with inner:
                yield from _members(inner, base, f"{folder}/", budget, skips, spool, depth=depth + 1)


def _tar_members(file: IO[bytes], name: str, budget: Budget) -> Iterator[Member]:
    start = file.read(6)
    _check_start(name, start)
    rest = _Rejoined(start, file)
    opened = next((opened for magic, opened in MAGIC.items() if start.startswith(magic)), None)
    unpacked: Any = Counted(opened(rest), budget) if opened else rest
    try:
        tar = tarfile.open(fileobj=unpacked, mode="r|")  # noqa: SIM115 - closed below
    except tarfile.ReadError as error:
        raise DataError(f"{name} is not a tar archive; it begins with {short(start)}: download it again") from error
    with tar:
        while (entry := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined] # it would keep a record of each of a million members
            _check_name(entry.name, name)
            if entry.issym() or entry.islnk():
                _check_link(entry, name)
                budget.links += 1
            elif entry.isfile() and not entry.issparse():
                budget.take(declared=entry.size, members=1)
                yield Member(_plain(entry.name), entry.size, partial(_content, tar, entry))
            elif not entry.isdir():
                kind = "sparse file" if entry.isfile() else "device or pipe"
                raise DataError(f"{name} holds the {kind} {short(entry.name)}; such an archive is refused")
        while unpacked.read(1 << 20):  # to the end of the stream, where its checksum is
            pass


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(entry)
    assert content is not None  # it is a file
    return content


def _check_start(name: str, start: bytes) -> None:
    if start.lstrip()[:1] == b"<":
        raise DataError(f"{name} is a web page, not an archive: the download gave an error; download it again")
    if not start:
        raise DataError(f"{name} is an empty file; download it again")


def _zip_members(file: IO[bytes], name: str, budget: Budget) -> Iterator[Member]:
    start = file.read(6)
    _check_start(name, start)
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            _check_name(entry.filename, name)
            mode = entry.external_attr >> 16
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                raise DataError(f"{name} is encrypted, first {short(entry.filename)}; unpack it yourself")
            if stat.S_ISLNK(mode):
                target = archive.read(entry)[:4096].decode(errors="replace") if entry.file_size < 4096 else "/"
                _check_target(entry.filename, target, name)
                budget.links += 1
                continue
            budget.take(declared=entry.file_size, members=1)
            yield Member(_plain(entry.filename), entry.file_size, partial(archive.open, entry))


def _check_name(member: str, archive: str) -> None:
    """Raises DataError for a name that is absolute, climbs out of the tree or is not a name at all."""
    plain = member.replace("\\", "/")
    if not member or "\0" in member or _is_absolute(plain) or ".." in plain.split("/"):
        raise DataError(f"{archive} holds {short(member)}, which leads out of its folder; such an archive is refused")


def _check_link(entry: tarfile.TarInfo, archive: str) -> None:
    """Raises DataError for a link out of the tree; a hard link's target counts from the root, others' from the link."""
    _check_target("" if entry.islnk() else entry.name, entry.linkname, archive, shown=entry.name)


def _check_target(link: str, target: str, archive: str, *, shown: str = "") -> None:
    plain = target.replace("\\", "/")
    depth = len(PurePosixPath(link).parts) - 1 if link else 0
    for step in plain.split("/"):
        depth += -1 if step == ".." else step not in ("", ".")
        if depth < 0 or _is_absolute(plain):
            raise DataError(
                f"{archive} holds the link {short(shown or link)} to {short(target)}, which leads out of its folder; "
                "such an archive is refused"
            )


def _is_absolute(plain: str) -> bool:
    return plain.startswith("/") or re.match("[A-Za-z]:", plain) is not None


def _plain(path: str) -> str:
    return str(PurePosixPath(path))


def _spooled(inner: IO[bytes], member: Member, spool: Path) -> IO[bytes]:
    """A zip file within an archive, as a file of its own that vanishes when it is closed."""
    free = shutil.disk_usage(spool).free
    if member.size > free:
        raise DataError(
            f"{member.path} must be copied to the disk to be read: {member.size / 2**30:.1f} GB, and {spool} has "
            f"{free / 2**30:.1f} GB free"
        )
    whole = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(inner, whole, 1 << 20)
    whole.seek(0)
    return whole


class _Rejoined:
    """A stream whose first bytes were read already."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start, self._rest = start, rest

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._rest.read(size)
        if size < 0:
            start, self._start = self._start, b""
            return start + self._rest.read()
        start, self._start = self._start[:size], self._start[size:]
        return start
