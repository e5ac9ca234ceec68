"""One worker process of a run: it is told on stdin what the run is, and answers on stdout where it can't go on.

python -m wsol.evaluation.engines.worker, as `wsol.evaluation.engines.processes` starts it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from wsol.errors import OutputError, WsolError
from wsol.evaluation.stopping import Stopped, stop_on_signals


def main() -> int:
    """Work until nothing is left; the exit code is 0, or 128 and a signal's number, or a WsolError's."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("wsol")
    log.handlers[:], log.propagate = [handler], False
    log.setLevel(logging.WARNING)
    words = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with stop_on_signals(), redirect_stdout(sys.stderr):
            work(words)
    except Stopped as error:
        return error.exit_code
    except WsolError as error:
        print(json.dumps({"type": type(error).__name__, "message": str(error)}), flush=True)
        return error.exit_code
    return 0


def work(words: Mapping[str, Any]) -> None:
    """Take shards of a run until all are complete or given up."""
    import torch

    from wsol.evaluation.build import experiment_from
    from wsol.evaluation.engines.part import Part
    from wsol.evaluation.engines.shift import Shift
    from wsol.runs.folder import RunFolder
    from wsol.runs.leases import Worker
    from wsol.settings import choices

    choices.use(words["files"], words["folders"])
    torch.set_num_threads(words["network_threads"])
    settings = words["settings"]
    own = {"threads": words["threads"], **({"device": words["device"]} if "device" in words else {})}
    experiment = experiment_from({**settings, "engine": {**settings["engine"], **own}})
    folder = RunFolder(Path(words["folder"]))
    if experiment.folder_name != folder.name:
        raise OutputError(f"a worker process has {experiment.folder_name}, and the run is {folder.name}")
    shards = Part.parse(words["part"]).take(experiment.shards)
    with Worker(folder.path) as worker:
        first = words["number"] * len(shards) // words["of"]
        Shift(experiment, folder, shards, worker, first=first).run()


def _end_with_parent() -> None:
    """Stop as by SIGTERM when the process that started this one is gone, and with it the other end of stdin."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
