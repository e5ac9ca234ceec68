"""What killed processes left in a run folder, taken away before the next one starts."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wsol.runs.leases import WORK, latest_leases, owner_of
from wsol.runs.row_files import damaged, row_files
from wsol.runs.write import is_left_behind

log = logging.getLogger(__name__)


def sweep(run: Path, is_alive: Callable[[str], bool]) -> None:
    """Remove half-written files, damaged rows, parts of what is whole, and leases and files of workers that are gone.

    What a process that may still be alive is writing stays; so does what can't be removed.

    Parameters
    ----------
    is_alive : whether a worker of that id is, see `wsol.runs.leases.Worker`.
    """
    for folder in [run, *(one for one in run.glob("*") if one.is_dir())]:
        for file in folder.glob("*"):
            if is_left_behind(file):
                _remove(file)
    for file in damaged(run / "rows"):
        if _remove(file):
            log.warning("%s is removed, and its rows are made again", file)
    for file in _needless(run / "rows"):
        _remove(file)
    work = run / WORK
    stale = [lease for _, lease in latest_leases(work).values() if not is_alive(owner_of(lease))]
    gone = [file for file in work.glob("worker-*.json") if not is_alive(file.stem.removeprefix("worker-"))]
    for file in [*stale, *gone]:
        _remove(file)


def _needless(rows: Path) -> list[Path]:
    """Parts whose rows are all in whole files of their shard."""
    whole: dict[int, set[tuple[str, str]]] = defaultdict(set)
    parts = []
    for file in row_files(rows):
        if file.footer.image_ids:
            parts.append(file)
        else:
            whole[file.footer.shard].update(file.footer.work)
    return [file.path for file in parts if whole[file.footer.shard].issuperset(file.footer.work)]


def _remove(file: Path) -> bool:
    with suppress(OSError):
        file.unlink(missing_ok=True)
    return not file.exists()
