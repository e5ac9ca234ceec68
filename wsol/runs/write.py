"""Files are written beside their place and moved there: readers see all of a file or what was there before."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsol.errors import OutputError

RUNS = "choose another folder with paths.runs=DIR (wsol score: --runs DIR)"  # the way out for a run's files


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
            write(target)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".wsol-{uuid.uuid4().hex[:12]}{place.suffix}")
        write(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())  # network file systems may otherwise show the name before the bytes
        beside.replace(target)
    except OSError as error:
        raise OutputError(f"can't write {place}: {error.strerror or error}; {otherwise}") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def write_text(place: Path, text: str, *, otherwise: str = RUNS) -> None:
    """`write_whole` of a text as UTF-8."""
    write_whole(place, lambda beside: beside.write_text(text, encoding="utf-8"), otherwise=otherwise)
