"""Carry a plan out: each file is written beside its place and moved there, so that it is whole or not there at all."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from wsol.datasets.fields import short
from wsol.datasets.prepare._archives import Member, members, reported
from wsol.datasets.prepare._limits import budget_for
from wsol.datasets.prepare._plan import BLOCK, WORKING, Entry, Plan, Source, in_units
from wsol.errors import DataError, OutputError
from wsol.progress import Progress

PIECE = 1 << 20  # bytes at a time


def carry_out(plan: Plan) -> None:
    """Write what is pending. After a kill at any moment, the same plan made anew holds what is left.

    Raises
    ------
    DataError : an archive that changed or is damaged. OutputError : no room on the disk, a folder that can't be
        written, or another process that writes there.
    """
    if not plan.files:
        return
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        _check_room(plan)
        with _working_folder(plan.folder) as working, _progress(plan) as progress:
            for source, pending in zip(plan.sources, plan.pending, strict=True):
                if pending:
                    _unpack(plan, source, dict(pending), working, progress)
    except OSError as error:
        raise OutputError(
            f"{short(str(error.filename or plan.folder))} can't be written: {error.strerror or error}; "
            "the same command resumes once that is mended"
        ) from error


def _check_room(plan: Plan) -> None:
    needed, free = plan.size + BLOCK * plan.files, shutil.disk_usage(plan.folder).free
    if needed > free:
        raise OutputError(
            f"{plan.folder} needs {in_units(needed)} for {plan.files} files, and its disk has {in_units(free)} free"
        )


@contextmanager
def _working_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the places, for this process alone; what a killed one left in it is removed."""
    working = folder / WORKING
    working.mkdir(exist_ok=True)
    with (working / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"another process prepares {folder} now; wait until it is done") from error
        for left in working.iterdir():
            if left.name != "lock":
                left.unlink()
        try:
            yield working
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(working)


def _progress(plan: Plan) -> Progress:
    """Files of each source; a file is as much work as the source's files are large on average."""
    kinds: dict[Hashable, tuple[int, float]] = {
        source.path: (len(pending), 1 + sum(entry.size for entry in pending.values()) / len(pending))
        for source, pending in zip(plan.sources, plan.pending, strict=True)
        if pending
    }
    return Progress(kinds, what=f"prepare {plan.preparation.key}", unit="files")


def _unpack(plan: Plan, source: Source, pending: dict[str, Entry], working: Path, progress: Progress) -> None:
    for member in _members_of(plan, source, pending, working):
        entry = pending.pop(member.path, None)
        if entry is None:
            continue
        _write(_content(member, of=source), entry, plan.folder / entry.place, working / "file", of=source)
        progress.advance(source.path, 1)
        if not pending:
            break
    if pending:
        raise DataError(f"{source.path} was changed while it was read: {next(iter(pending))} is no longer in it")


def _members_of(plan: Plan, source: Source, pending: Mapping[str, Entry], working: Path) -> Iterator[Member]:
    path = Path(source.path)
    if source.archive:
        yield from members(path, budget_for(path), skips=plan.preparation.skips, spool=working)
    else:
        for file, entry in list(pending.items()):
            yield Member(file, entry.size, partial(_open, path / file))


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _content(member: Member, *, of: Source) -> Iterator[bytes]:
    """Piece by piece, at most one more than was declared. Raises DataError."""
    left = member.size
    with reported(Path(of.path).name), member.open() as content:
        while left >= 0 and (piece := content.read(PIECE)):
            left -= len(piece)
            yield piece


def _write(content: Iterator[bytes], entry: Entry, place: Path, beside: Path, *, of: Source) -> None:
    """Write the content beside its place, then move it there."""
    size = 0
    with beside.open("wb") as file:
        for piece in content:
            size += len(piece)
            file.write(piece)
    if size != entry.size:
        more = "more" if size > entry.size else "less"
        raise DataError(f"{entry.place} has {more} than the {entry.size} bytes that {of.path} declares: it is damaged")
    place.parent.mkdir(parents=True, exist_ok=True)
    beside.replace(place)
