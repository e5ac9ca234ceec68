"""What can happen to a run: to its processes, its files and its disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from wsol.runs import leases
from wsol.runs.folder import RunFolder

KINDS = (
    "SIGKILL",
    "SIGTERM",
    "SIGSTOP",
    "full disk",
    "torn file",
    "deleted file",
    "deleted folder",
    "two writers",
    "left behind",
)
DISK = 64  # MB

met: Counter[str] = Counter()  # faults so far, by engine and kind


@contextmanager
def disk(place: Path) -> Iterator[Path]:
    """A block with a small file system of its own, so that it can be full; a plain folder where none may be mounted."""
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", place]
    mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield place
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", place], check=True)


def kinds_on(place: Path) -> tuple[str, ...]:
    """What can happen there: a disk that is shared is not filled."""
    return KINDS if os.path.ismount(place) else tuple(kind for kind in KINDS if kind != "full disk")


def fault(kind: str, draw: random.Random, folder: RunFolder, pids: Sequence[int], place: Path) -> None:
    """Let something happen to a run; "two writers" is up to whoever starts them.

    Parameters
    ----------
    pids : the processes of its workers. place : the root of its file system.
    """
    stored = [*folder.path.glob("rows/*.parquet"), *folder.path.glob("gallery/*.parquet")]
    if kind in ("SIGKILL", "SIGTERM"):
        _send(draw.choice(pids), getattr(signal, kind))
    elif kind == "SIGSTOP":
        chosen = draw.choice(pids)
        _send(chosen, signal.SIGSTOP)
        time.sleep(2 * leases.LEASE_SECONDS)
        _send(chosen, signal.SIGCONT)
    elif kind == "full disk":
        filled(place, seconds=0.3)
    elif kind == "torn file" and stored:
        torn(draw, draw.choice(stored))
    elif kind == "deleted file" and stored:
        draw.choice(stored).unlink(missing_ok=True)
    elif kind == "deleted folder":
        shutil.rmtree(folder.path, ignore_errors=True)
    elif kind == "left behind":
        work = folder.path / leases.WORK
        work.mkdir(parents=True, exist_ok=True)
        (work / f"shard-{draw.randrange(5):05d}.{draw.randrange(1, 4)}.json").write_text('{"worker": "gone"}')


def torn(draw: random.Random, file: Path) -> None:
    """Cut a file short, or change a byte of it."""
    with suppress(FileNotFoundError):  # of parts that a worker has joined a moment ago
        content = bytearray(file.read_bytes())
        if draw.random() < 0.5:
            content = content[: draw.randrange(len(content))]
        else:
            content[draw.randrange(len(content))] ^= 0x55
        file.write_bytes(bytes(content))


def filled(place: Path, *, seconds: float) -> None:
    """Leave no byte of a file system for that long."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        block = bytes(2**20)
        while block:
            with suppress(OSError):
                while file.write(block) == len(block):
                    pass
            block = block[: len(block) // 2]
    time.sleep(seconds)
    filler.unlink()


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
