"""What a worker process is told, how it is started, and how it says why it ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol import errors
from wsol.errors import RowsFailed
from wsol.evaluation.engines.part import Part
from wsol.settings import choices

if TYPE_CHECKING:
    from wsol.runs.folder import RunFolder
    from wsol.settings.records import Engine

WORKER = "wsol.evaluation.engines.worker"  # the module that a process runs


def instructions(settings: Mapping[str, Any], folder: RunFolder, part: Part) -> dict[str, Any]:
    """What every worker of a run is told; see `wsol.evaluation.engines.worker.work`."""
    sources = choices.sources()
    return {
        "settings": settings,
        "folder": str(folder.path.resolve()),
        "part": str(part),
        "files": list(sources.files),
        "folders": [str(one) for one in sources.folders],
    }


def for_other_machines(
    settings: Mapping[str, Any], folder: RunFolder, engine: Engine, cores: int, number: int, of: int
) -> dict[str, Any]:
    """What worker `number` of `of` is told where it has `cores` on another machine: there it is one of ``local``."""
    common = {name: value for name, value in settings["engine"].items() if name in choices.content("engine", "local")}
    common |= {"name": "local", "workers": None}
    return {
        **instructions({**settings, "engine": common}, folder, Part.parse(engine.part)),
        "cwd": str(Path.cwd()),
        "number": number,
        "of": of,
        "threads": engine.threads or cores,
        "network_threads": threads_of(cores),
        "device": engine.numerics_device,
    }


def network_threads() -> int:
    """Threads of the network's operations in this process."""
    import torch

    return int(torch.get_num_threads())


def threads_of(cores: int) -> int:
    """Threads of the network's operations in a worker that has so many cores.

    One alone only where this process has one: sums over several are in another order, and the last bits of a map move.
    """
    return 1 if network_threads() == 1 else max(2, cores)


def start(words: Mapping[str, Any], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """A worker process. It ends when this one does, and writes its rows before that."""
    process = subprocess.Popen(
        [sys.executable, "-m", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=words.get("cwd"),
        start_new_session=True,  # Ctrl-C is for this process, which tells the others
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has died already, which is seen soon
        process.stdin.write(json.dumps(words, default=str) + "\n")
        process.stdin.flush()  # and stays open: a worker ends when it is closed
    return process


def how_it_ended(code: int, said: str) -> str:
    """A worker's end in words, where it was not by a WsolError of its own, which is raised."""
    with suppress(ValueError, KeyError, TypeError):
        plain = json.loads(said)
        kind = getattr(errors, plain["type"], RowsFailed)
        raise kind(plain["message"])
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
