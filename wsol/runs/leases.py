"""Which process works on which shard: small files in the run folder, so that any number of machines can share a run.

A worker has a file that it writes again every few seconds; while that is fresh, the shards it has leased are its own.
All times are those of the file system, so that the machines' clocks may differ. A lease is a file that only one can
create; a lease whose worker is gone is followed by one of the next number, which again only one can create. So two
workers never hold a shard at once, but where one was stopped for longer than its lease; then both write the same rows.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from wsol.errors import OutputError
from wsol.runs.write import machine, process_exists, write_text

WORK = "work"  # of the folder in a run folder
LEASE_SECONDS = 90.0  # without a beat, after which a worker counts as gone: network file systems may hide one for 60
BEAT_SECONDS = 5.0
MOST_DEATHS = 4  # of workers in a row on one shard, after which nobody takes it
LEASE = re.compile(r"shard-(\d+)\.(\d+)\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What a worker says of itself.

    Attributes
    ----------
    machine : the same for all processes that see each other's process ids.
    started : seconds since 1970. images, seconds : what it has computed, in which time.
    shards : those it holds.
    """

    id: str
    host: str
    machine: str
    pid: int
    started: float
    images: int = 0
    seconds: float = 0.0
    shards: tuple[int, ...] = ()


class Worker:
    """A `with` block in which this process is a worker of a run, and shards can be leased.

    Parameters
    ----------
    run : the run folder.
    """

    def __init__(self, run: Path) -> None:
        self.folder = run / WORK
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.me = Presence(id=name, host=socket.gethostname(), machine=machine(), pid=os.getpid(), started=time.time())
        self._leases: dict[int, Path] = {}
        self._offset = 0.0  # of the file system's clock
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._beating = threading.Thread(target=self._beats, name="beat", daemon=True)

    def __enter__(self) -> Worker:
        self.beat()
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._beating.join()
        for index in list(self._leases):
            self.release(index)
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: others are at work, or something failed
            self.folder.rmdir()

    @property
    def held(self) -> Collection[int]:
        return self._leases.keys()

    def acquire(self, index: int) -> bool:
        """Whether this worker now holds a shard. What there is to do must be looked at again behind it."""
        if index in self._leases:
            return True
        number, before = latest_leases(self.folder, index).get(index, (0, None))
        owner = "" if before is None else owner_of(before)
        if self.is_alive(owner) or number >= MOST_DEATHS:
            return False
        place = self.folder / f"shard-{index:05d}.{number + 1}.json"
        if not create(place, json.dumps({"worker": self.me.id})):
            return False
        if before is not None:
            if owner_of(before) not in ("", owner):  # a third one finished the shard, and a fourth has it now
                place.unlink(missing_ok=True)
                return False
            before.unlink(missing_ok=True)
        with self._lock:
            self._leases[index] = place
        return True

    def taken(self) -> frozenset[int]:
        """The shards that other workers hold: one look for all, where `acquire` looks for each."""
        alive: dict[str, bool] = {self.me.id: False, "": False}
        held = set()
        for index, (_, lease) in latest_leases(self.folder).items():
            owner = owner_of(lease)
            if owner not in alive:
                alive[owner] = self.is_alive(owner)
            if alive[owner]:
                held.add(index)
        return frozenset(held)

    def is_deadly(self, index: int) -> bool:
        """Whether so many workers were lost on a shard that nobody takes it again."""
        number, last = latest_leases(self.folder, index).get(index, (0, self.folder))
        return number >= MOST_DEATHS and not self.is_alive(owner_of(last))

    def release(self, index: int) -> None:
        """Give a shard back."""
        with self._lock:
            place = self._leases.pop(index, None)
        if place is not None:
            with suppress(OSError):
                place.unlink(missing_ok=True)

    def is_alive(self, worker: str) -> bool:
        """Whether another worker is there and has shown it lately."""
        return worker == self.me.id or is_alive(self.folder, worker, now=time.monotonic() + self._offset)

    def others(self) -> list[Presence]:
        """The other workers that are alive."""
        return [one for one in presences(self.folder) if one.id != self.me.id and self.is_alive(one.id)]

    def computed(self, images: int) -> None:
        """Count images that are done, for whoever asks how fast it goes."""
        seconds = time.time() - self.me.started
        self.me = replace(self.me, images=self.me.images + images, seconds=seconds)

    def beat(self) -> None:
        """Show that this worker is alive. Raises OutputError where its file can't be written."""
        with self._lock:
            self.me = replace(self.me, shards=tuple(sorted(self._leases)))
        write_text(self._file, json.dumps(asdict(self.me)))
        self._offset = self._file.stat().st_mtime - time.monotonic()

    @property
    def _file(self) -> Path:
        return self.folder / f"worker-{self.me.id}.json"

    def _beats(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with suppress(OSError, OutputError):  # a full disk, or a folder that was deleted: the lease may end
                self.beat()


def is_alive(folder: Path, worker: str, *, now: float) -> bool:
    """Whether a worker shows itself. `now` is in the file system's time."""
    file = folder / f"worker-{worker}.json"
    try:
        age = now - file.stat().st_mtime
        one = _presence(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return False
    return age <= LEASE_SECONDS and not (one.machine == machine() and not process_exists(one.pid))


def presences(folder: Path) -> list[Presence]:
    """Every worker that left a file, alive or not."""
    found = []
    for file in sorted(folder.glob("worker-*.json")):
        with suppress(OSError, ValueError, TypeError):
            found.append(_presence(json.loads(file.read_text(encoding="utf-8"))))
    return found


def latest_leases(folder: Path, index: int | None = None) -> dict[int, tuple[int, Path]]:
    """By shard, or of one, the number and the file of its last lease."""
    leases: dict[int, tuple[int, Path]] = {}
    start = "shard-" if index is None else f"shard-{index:05d}."
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for name in (one.name for one in entries if one.name.startswith(start)):
            if match := LEASE.fullmatch(name):
                leases[int(match[1])] = max(leases.get(int(match[1]), (0, folder)), (int(match[2]), folder / name))
    return leases


def create(place: Path, text: str) -> bool:
    """Make a file that is whole from its first moment; whether it was not there. Raises OutputError."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".wsol-{uuid.uuid4().hex[:12]}-{os.getpid()}-{machine()}.json")
        beside.write_text(text, encoding="utf-8")
        try:
            os.link(beside, place)  # one step on network file systems, too
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            with place.open("x", encoding="utf-8") as file:
                file.write(text)
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise OutputError(f"can't write {place}: {error.strerror or error}") from error
    return True


def owner_of(lease: Path) -> str:
    """The worker that made a lease; empty where it was released meanwhile, or is damaged."""
    try:
        return str(json.loads(lease.read_text(encoding="utf-8"))["worker"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _presence(plain: Mapping[str, Any]) -> Presence:
    return Presence(**{**plain, "shards": tuple(plain["shards"])})
