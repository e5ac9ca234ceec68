"""Processes that score maps, where a GPU computes faster than threads can score.

A network on a GPU is launched by thousands of short calls, after each of which Python's lock is asked for again.
Sixteen threads that score hold that lock most of the time: on an H200 with 16 cores they kept the network waiting
five times as long as its passes took. Processes have locks of their own. Each is a plain interpreter that loads no
torch and reads one request after the other from a pipe; it ends when the pipe does.

    python -m wsol.evaluation.scoring_processes FD      what a process runs
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from pickle import PicklingError
from threading import Lock
from typing import TYPE_CHECKING, Any

from wsol.errors import first_line
from wsol.evaluation.scoring import Drawn, Scored, Scorer, score

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.protocols import Protocol

log = logging.getLogger(__name__)

FEWEST_THREADS = 4  # with fewer, threads do not stand in the network's way
SPARED = 2  # threads of a run that get no process: one launches the network, one loads images
READY = "ready"  # what a process says when it has imported what it needs
AT_FIRST = 1.0  # seconds in which maps are scored here: a short run is over before a process has started
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@contextmanager
def scorer_of(experiment: Experiment) -> Iterator[Scorer]:
    """What scores the maps of a run for the length of a block: processes, or the threads that call it."""
    launches = experiment.classifier is None or experiment.numerics.device.startswith("cuda")
    if not launches or experiment.threads < FEWEST_THREADS or sys.platform == "win32":
        yield score
        return
    processes = ScoringProcesses(experiment.threads - SPARED, at_first=AT_FIRST)
    try:
        yield processes
    finally:
        processes.close()


class ScoringProcesses:
    """As `score`, from any number of threads; each call is one process's.

    What no process can do is done here: everything until they have started, rules of a plug-in that they don't know,
    and the maps of one that has died.

    Parameters
    ----------
    most : processes at a time; calls beyond that are answered here.
    at_first : seconds from the first call on in which no process is asked.
    """

    def __init__(self, most: int, *, at_first: float) -> None:
        self._most, self._at_first = most, at_first
        self._first: float | None = None  # when the first call came
        self._lock = Lock()
        self._started: list[_Process] = []
        self._starting: list[_Process] = []
        self._free: list[_Process] = []
        self._unknown: set[str] = set()  # protocols that processes could not score

    def __call__(self, drawn: Drawn, ceilings: Collection[int], protocols: Sequence[Protocol]) -> Scored:
        process = None if self._unknown.intersection(p.name for p in protocols) else self._taken()
        if process is None:
            return score(drawn, ceilings, protocols)
        try:
            answer = process.ask((drawn, ceilings, protocols))
        except (OSError, EOFError):
            log.warning("a process that scored maps has ended (%s); its maps are scored again", process.ending())
            return score(drawn, ceilings, protocols)
        except (PicklingError, TypeError, AttributeError) as error:  # nothing was sent
            answer = first_line(error)
        self._free.append(process)
        if isinstance(answer, Scored):
            return answer
        found = score(drawn, ceilings, protocols)  # raises where the maps are to blame
        self._unknown |= {p.name for p in protocols}
        log.warning("%s: scored in threads, for another process can't: %s", ", ".join(sorted(self._unknown)), answer)
        return found

    def _taken(self) -> _Process | None:
        """A process that has nothing to do; None where there is none yet, or no more."""
        with self._lock:
            now = time.monotonic()
            self._first = now if self._first is None else self._first
            if now - self._first < self._at_first:
                return None
            self._free += [process for process in self._starting if process.is_ready()]
            self._starting = [process for process in self._starting if not process.ready]
            if self._free:
                return self._free.pop()
            if len(self._started) < self._most:
                self._start()
            return None

    def _start(self) -> None:
        try:
            process = _Process()
        except OSError as error:
            log.warning("no process for scoring could be started: %s", first_line(error))
            self._most = 0
            return
        self._started.append(process)
        self._starting.append(process)

    def close(self) -> None:
        """End all processes."""
        for process in self._started:
            process.close()


class _Process:
    """One process and our end of its pipe."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno())]
        path = os.pathsep.join(part or str(Path.cwd()) for part in sys.path)  # what this process can import
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
            )
        self.ready = False

    def is_ready(self) -> bool:
        """Whether it has imported what it needs, or has died of it, which the first request will show."""
        with suppress(OSError, EOFError):
            if not self.ready and self._pipe.poll():
                self.ready = True
                self._pipe.recv()
        return self.ready

    def ask(self, request: Any) -> Any:
        """The answer to a request. Raises OSError or EOFError where the process has ended."""
        self._pipe.send(request)
        return self._pipe.recv()

    def ending(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return f"exit code {self._process.returncode}"

    def close(self) -> None:
        self._pipe.close()
        self._process.kill()  # it holds nothing, and may still be importing
        self._process.wait()


def serve(pipe: Connection[Any, Any]) -> None:
    """Answer requests until the other side closes the pipe; what can't be answered is answered by why."""
    pipe.send(READY)
    while True:
        try:
            answer: Any = score(*pipe.recv())
        except (EOFError, OSError):  # the run has stopped
            return
        except Exception as error:
            answer = first_line(error)
        try:
            pipe.send(answer)
        except OSError:
            return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: the pipe ends with it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    serve(Connection(int(sys.argv[1])))
