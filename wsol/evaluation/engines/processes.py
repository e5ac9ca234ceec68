"""Several worker processes on this machine, one for each GPU or for a share of the cores; this one looks after them."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.errors import RowsFailed
from wsol.evaluation.engines.instructions import how_it_ended, instructions, start, threads_of
from wsol.evaluation.engines.local import ALL
from wsol.evaluation.engines.ranks import cores
from wsol.evaluation.engines.rounds import run_rounds
from wsol.evaluation.engines.watching import Watch

if TYPE_CHECKING:
    from wsol.evaluation.engines.part import Part
    from wsol.evaluation.experiment import Experiment
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard

log = logging.getLogger(__name__)

MOST_STARTS = 4  # of one worker that dies again and again
POLL_SECONDS = 0.5
GRACE_SECONDS = 60.0  # in which a stopped worker writes its rows


@dataclass
class Child:
    """A worker process: what it was started with, and how often."""

    number: int
    process: subprocess.Popen[str]
    starts: int = 1
    given_up: bool = False


def run_processes(
    experiment: Experiment, folder: RunFolder, settings: Mapping[str, Any], workers: int, part: Part = ALL
) -> None:
    """Evaluate what is missing with that many processes, each of which makes the experiment of `settings` anew.

    Raises
    ------
    RowsFailed : some batches could not be computed, or workers died again and again; all other rows are there.
    WsolError : what a worker could not go on with, such as a full disk.
    """
    mine = part.take(experiment.shards)

    def work(left: Sequence[Shard]) -> None:
        count = min(workers, len(left))
        log.info("%d of %d shards are due, on %d worker processes", len(left), len(mine), count)
        _look_after(experiment, folder, settings, left, count, part)

    unfinished = RowsFailed(f"some shards of {folder.path} are not complete; run the same command again")
    run_rounds(experiment, folder, mine, work, unfinished=unfinished)


def _look_after(
    experiment: Experiment,
    folder: RunFolder,
    settings: Mapping[str, Any],
    left: Sequence[Shard],
    count: int,
    part: Part,
) -> None:
    """Start the workers, start those again that die, and end them all where one can't go on or a signal comes."""
    words = instructions(settings, folder, part)
    children = [Child(n, _start(words, n, count, experiment)) for n in range(count)]
    try:
        with Watch(folder, sum(len(shard.image_ids) for shard in left)) as watch:
            while running := [child for child in children if child.process.poll() is None or _again(child)]:
                for child in running:
                    if child.process.poll() is not None:
                        child.process = _start(words, child.number, count, experiment)
                        child.starts += 1
                watch.look()
                if any(child.process.poll() == 0 for child in children):
                    watch.finished()
                if watch.is_over:
                    break
                time.sleep(POLL_SECONDS)
            watch.look()
    finally:
        _end(children)


def _again(child: Child) -> bool:
    """Whether a worker that has ended is to be started again. Raises the WsolError that it ended with."""
    code = child.process.returncode
    if code == 0 or child.given_up:
        return False
    said = child.process.stdout.read() if child.process.stdout and not child.process.stdout.closed else ""
    how = how_it_ended(code, said)
    if child.starts >= MOST_STARTS:
        log.warning("worker %d ended with %s %d times and is not started again", child.number + 1, how, child.starts)
        child.given_up = True
        return False
    log.warning("worker %d ended with %s; it is started again", child.number + 1, how)
    return True


def _start(words: Mapping[str, Any], number: int, count: int, experiment: Experiment) -> subprocess.Popen[str]:
    share = max(1, cores() // count)
    own = {**words, "number": number, "of": count, "threads": max(1, experiment.threads // count)}
    own["network_threads"] = threads_of(share)
    environment = dict(os.environ)
    if experiment.numerics.device.startswith("cuda"):
        own["device"] = f"cuda:{number % _devices()}"
    if own["network_threads"] > 1:
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return start(own, environment)


def _devices() -> int:
    import torch

    return max(1, torch.cuda.device_count())


def _end(children: Sequence[Child]) -> None:
    """Let all workers that still run write their rows, and wait for them."""
    for child in children:
        if child.process.poll() is None:
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
                child.process.send_signal(signal.SIGCONT)  # of a stopped one, which then notices the other
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        for pipe in (child.process.stdin, child.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
