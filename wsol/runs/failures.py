"""What a run could not compute: by shard, the images that were given up, and a file with the traceback."""

from __future__ import annotations

import json
import re
import socket
import time
import traceback
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from wsol.errors import first_line
from wsol.runs.write import write_text

NAME = "failures"  # of the folder in a run folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Of one shard.

    Attributes
    ----------
    image_ids : those that have no rows for it, in the order in which they were given up.
    error : the first line of the first one's. when : seconds since 1970.
    """

    shard: int
    image_ids: tuple[str, ...]
    error: str
    host: str
    when: float


def record(run: Path, shard: int, image_ids: Collection[str], error: BaseException | str) -> Path:
    """Keep what went wrong; returns the file with the traceback, where the ones before it stand too."""
    known = read(run, shard)
    ids = dict.fromkeys([*(known.image_ids if known else ()), *sorted(image_ids)])
    line = error if isinstance(error, str) else first_line(error)
    first = known.error if known else line
    one = Failure(shard=shard, image_ids=tuple(ids), error=first, host=socket.gethostname(), when=time.time())
    text = f"{line}\n" if isinstance(error, str) else "".join(traceback.format_exception(error))
    file = place(run, shard)
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    write_text(file, f"{before}{', '.join(sorted(image_ids))} on {one.host}\n{text}\n")
    write_text(file.with_suffix(".json"), json.dumps(asdict(one)))
    return file


def place(run: Path, shard: int) -> Path:
    """The file with a shard's tracebacks."""
    return run / NAME / f"shard-{shard:05d}.txt"


def read(run: Path, shard: int) -> Failure | None:
    """What is recorded of a shard."""
    try:
        plain = json.loads(place(run, shard).with_suffix(".json").read_text(encoding="utf-8"))
        return Failure(**{**plain, "image_ids": tuple(plain["image_ids"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_all(run: Path) -> list[Failure]:
    """By shard."""
    indices = [int(file.stem.removeprefix("shard-")) for file in sorted((run / NAME).glob("shard-*.json"))]
    return [known for index in indices if (known := read(run, index)) is not None]


def forget(run: Path, shards: Collection[int]) -> None:
    """Before these shards are tried again."""
    for file in (run / NAME).glob("shard-*"):
        if (match := re.match(r"shard-(\d+)\.", file.name)) and int(match[1]) in shards:
            file.unlink(missing_ok=True)
    with suppress(OSError):
        (run / NAME).rmdir()
