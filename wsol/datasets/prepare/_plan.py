"""What is to be done: which members of which archives go where, and which of them are there already."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, md5
from pathlib import Path

import msgspec

from wsol.datasets.fields import short
from wsol.datasets.paths import existing, is_folder
from wsol.datasets.prepare._archives import is_archive, members
from wsol.datasets.prepare._base import Preparation
from wsol.datasets.prepare._limits import budget_for
from wsol.environment import cache_dir
from wsol.errors import DataError, OutputError

log = logging.getLogger(__name__)

WORKING = ".wsol-prepare"  # below the destination, while files are written
BLOCK = 4096  # bytes that a file takes more than its content, at most, on usual file systems


class Entry(msgspec.Struct, frozen=True):
    """Where one member goes, below the destination, and how many bytes it has."""

    place: str
    size: int


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An archive, or the loose files of a folder (then members are paths below it).

    Attributes
    ----------
    wanted : by member's path.
    others : how many members belong to no part; links : how many are links, which are passed over.
    checksum : the archive's MD5 where the dataset's source states one, else empty.
    """

    path: str
    archive: bool
    wanted: dict[str, Entry]
    others: int = 0
    links: int = 0
    checksum: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `wsol.datasets.prepare._write.carry_out` does.

    Attributes
    ----------
    pending : for each source, the members whose place is still empty.
    """

    preparation: Preparation
    folder: Path
    sources: Sequence[Source]
    pending: Sequence[Mapping[str, Entry]]

    @property
    def files(self) -> int:
        """How many files are to be written."""
        return sum(map(len, self.pending))

    @property
    def size(self) -> int:
        """Bytes that are to be written."""
        return sum(entry.size for wanted in self.pending for entry in wanted.values())


def plan(preparation: Preparation, source: Path, folder: Path) -> Plan:
    """Read what there is at `source` (an archive, or a folder of archives and files); nothing is written.

    Raises
    ------
    DataError : an archive that is damaged or refused, a source that holds nothing of the dataset, two files for one
        place. OutputError : a place that holds another file.
    """
    sources = list(_sources(preparation, source, folder))
    owners: dict[str, tuple[Source, Entry]] = {}
    pending: list[dict[str, Entry]] = []
    for one in sources:
        pending.append({})
        for member, entry in one.wanted.items():
            other, first = owners.setdefault(entry.place, (one, entry))
            if first.size != entry.size:
                raise DataError(
                    f"{other.path} and {one.path} hold different files for {entry.place} ({first.size} and "
                    f"{entry.size} bytes); leave one of them out"
                )
            if first is entry and not _is_there(folder / entry.place, entry):
                pending[-1][member] = entry
    if not owners and not any(counts(preparation, folder).values()):
        archives = ", ".join(dict.fromkeys(part.archives for part in preparation.parts if part.archives))
        raise DataError(f"{source} holds nothing of {preparation.key}: expected {archives}, or what they unpack to")
    return Plan(preparation=preparation, folder=folder, sources=sources, pending=pending)


def counts(preparation: Preparation, folder: Path) -> dict[str, int]:
    """By part, how many of its files are in their place."""
    numbers = {part.name: 0 for part in preparation.parts}
    for place in _files_below(folder):
        if (part := preparation.part_at(place)) is not None:
            numbers[part.name] += 1
    return numbers


def _is_there(place: Path, entry: Entry) -> bool:
    """Whether a file is in its place. Raises OutputError where another one is."""
    try:
        size = place.stat().st_size if place.is_file() else None
    except OSError as error:
        raise OutputError(f"{short(str(place))} can't be read: {error.strerror}") from error
    if size is None and os.path.lexists(place):
        raise OutputError(
            f"{place} is not a file, and a file of {entry.size} bytes belongs there; choose another folder"
        )
    if size is not None and size != entry.size:
        raise OutputError(
            f"{place} has {size} bytes, and the file that belongs there has {entry.size}; remove it, or choose another "
            "folder"
        )
    return size is not None


def _sources(preparation: Preparation, source: Path, folder: Path) -> Iterator[Source]:
    if is_folder(source):
        files = list(_files_below(source))
        for file in files:
            if is_archive(file) and not preparation.skips(Path(file).name):
                yield _listed(preparation, existing(source / file, option="SRC", folder=False), folder)
        yield _loose(preparation, source, [file for file in files if not is_archive(file)])
    elif is_archive(source.name):
        yield _listed(preparation, existing(source, option="SRC", folder=False), folder)
    else:
        there = existing(source, option="SRC", folder=not os.path.lexists(source))
        raise DataError(f"{there} is not named like an archive; expected .tar, .tgz, .tar.gz, .zip or a folder")


def _files_below(folder: Path) -> Iterator[str]:
    """All files of a folder, sorted, as paths below it."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != WORKING)
        below = Path(parent).relative_to(folder)
        yield from (str(below / name) for name in sorted(files))


def _loose(preparation: Preparation, source: Path, files: Sequence[str]) -> Source:
    """Files that were unpacked before; the folder's own name counts as the first of their paths."""
    wanted = {}
    for file in files:
        place = preparation.place_of(f"{source.resolve().name}/{file}")
        if place is not None and (source / file).is_file():
            wanted[file] = Entry(place, (source / file).stat().st_size)
    return Source(path=str(source), archive=False, wanted=wanted, others=len(files) - len(wanted))


def _listed(preparation: Preparation, archive: Path, folder: Path) -> Source:
    """What an archive holds; remembered by its path, size and time, since a large one takes minutes to read."""
    state = archive.stat()
    key = repr((str(archive.resolve()), state.st_size, state.st_mtime_ns, preparation.parts, preparation.skipped))
    memory = cache_dir() / "archives" / f"{blake2b(key.encode(), digest_size=12).hexdigest()}.json"
    try:
        return msgspec.json.decode(memory.read_bytes(), type=Source)
    except (OSError, msgspec.DecodeError):
        listed = _read(preparation, archive, folder)
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        beside = memory.with_suffix(f".{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(listed))
        beside.replace(memory)
    except OSError as error:  # nothing is remembered where nothing can be written
        log.debug("the content of %s is not remembered: %s", archive, error)
    return listed


def _read(preparation: Preparation, archive: Path, folder: Path) -> Source:
    log.info("reading %s (%s)", archive, in_units(archive.stat().st_size))
    spool = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    budget = budget_for(archive)
    wanted: dict[str, Entry] = {}
    others = 0
    for member in members(archive, budget, skips=preparation.skips, spool=spool):
        place = preparation.place_of(member.path)
        if place is None:
            others += 1
            continue
        entry = Entry(place, member.size)
        if wanted.setdefault(member.path, entry) != entry:
            raise DataError(f"{archive} holds {short(member.path)} twice, with different sizes; unpack it yourself")
    checksum = _md5(archive) if archive.name in preparation.md5 else ""
    return Source(path=str(archive), archive=True, wanted=wanted, others=others, links=budget.links, checksum=checksum)


def _md5(path: Path) -> str:
    digest = md5(usedforsecurity=False)  # what sources state; against damage, not against malice
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def in_units(size: float) -> str:
    """A number of bytes for readers.

    >>> in_units(900), in_units(6.3 * 2**30)
    ('900 bytes', '6.3 GB')
    """
    for unit, factor in (("GB", 2**30), ("MB", 2**20), ("kB", 2**10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} bytes"
