"""Files are written beside their place and moved there: readers see all of a file or what was there before."""

from __future__ import annotations

import os
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from wsol.errors import OutputError

RUNS = "choose another folder with paths.runs=DIR (wsol score: --runs DIR)"  # the way out for a run's files

BESIDE = re.compile(r"\.wsol-[0-9a-f]{12}(-(?P<pid>\d+)-(?P<machine>[0-9a-f]{8}))?\.")


def write_whole(place: Path, write: Callable[[Path], Any], *, otherwise: str = RUNS) -> None:
    """Let `write` make a file beside `place`, of the same suffix, then move it there.

    A symbolic link stays, and what it points to is replaced. A device or a pipe such as ``/dev/stdout`` is written to
    as it is.

    Parameters
    ----------
    otherwise : what to do where it can't be written, for the message.

    Raises
    ------
    OutputError : the place can't be written, or is a folder; nothing has changed then.
    """
    beside: Path | None = None
    try:
        target = Path(os.path.realpath(place, strict=False))
        if target.is_dir():
            raise OutputError(f"can't write {place}: it is a folder; {otherwise}")
        if target.exists() and not target.is_file():
            with _read_by_somebody(target):
                write(target)
            return
        beside = target.with_name(f".wsol-{uuid.uuid4().hex[:12]}-{os.getpid()}-{machine()}{place.suffix}")
        try:
            _into(target, beside, write)
        except FileNotFoundError:  # the folder was deleted a moment ago
            _into(target, beside, write)
    except OSError as error:
        raise OutputError(f"can't write {place}: {error.strerror or error}; {otherwise}") from error
    finally:
        if beside is not None:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


@contextmanager
def _read_by_somebody(target: Path) -> Iterator[None]:
    """A block in which a pipe stays open. Raises OSError where nobody reads it: writing would wait for ever."""
    if not target.is_fifo():
        yield
        return
    try:
        end = os.open(target, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        raise OSError(error.errno, "it is a pipe that nobody reads") from error
    try:
        yield
    finally:
        os.close(end)


def _into(target: Path, beside: Path, write: Callable[[Path], Any]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    write(beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())  # network file systems may otherwise show the name before the bytes
    beside.replace(target)


def is_left_behind(file: Path) -> bool:
    """Whether a file was being written by a process that is gone: one of this machine, or an hour without a change."""
    match = BESIDE.match(file.name)
    if not match and file.suffix != ".part":  # as older versions called them
        return False
    if match and match["machine"] == machine():
        return not process_exists(int(match["pid"]))
    try:
        return file.stat().st_mtime < time.time() - 3600
    except OSError:
        return False


@cache
def machine() -> str:
    """The same for all processes that see each other's process ids: of one running system, in one container."""
    facts = [socket.gethostname()]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        facts.append(str(Path("/proc/self/ns/pid").readlink()))
    return blake2b("\n".join(facts).encode(), digest_size=4).hexdigest()


def process_exists(pid: int) -> bool:
    """Whether a process of this machine runs, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_text(place: Path, text: str, *, otherwise: str = RUNS) -> None:
    """`write_whole` of a text as UTF-8."""
    write_whole(place, lambda beside: beside.write_text(text, encoding="utf-8"), otherwise=otherwise)
