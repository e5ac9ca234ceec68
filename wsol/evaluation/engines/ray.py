"""Actors on a Ray cluster, each with a worker that takes shards; this process starts them where nodes have room."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.errors import ConfigError, RowsFailed, first_line
from wsol.evaluation.engines.instructions import for_other_machines, how_it_ended, start
from wsol.evaluation.engines.part import Part
from wsol.evaluation.engines.processes import GRACE_SECONDS, MOST_STARTS
from wsol.evaluation.engines.rounds import run_rounds
from wsol.evaluation.engines.watching import Watch

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard
    from wsol.settings.engines.ray import Ray
    from wsol.settings.records import Engine

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
STOP_SECONDS = 5.0  # for an actor's answer that it has told its worker to stop


class Seat:
    """An actor: the place of one worker process, which can be told to stop while it works.

    The worker is a process of its own, since Ray can't interrupt a method of an actor; it ends when the actor does.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def work(self, words: Mapping[str, Any]) -> tuple[int, str, str]:
        """The exit code of a worker with these instructions, what it said at its end, and the host it was on.

        Raises ConfigError where the machine does not see the folder of runs; the run's own may be deleted at any time.
        """
        host = os.uname().nodename
        for name in (Path(words["folder"]).parent, Path(words["cwd"])):
            if not name.is_dir():
                raise ConfigError(f"{host} does not see {name}; all nodes need the same folders (paths.runs=DIR)")
        self._process = start(words, dict(os.environ))
        try:
            assert self._process.stdout is not None
            said = self._process.stdout.read()
            return self._process.wait(), said, host
        finally:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()

    def stop(self) -> None:
        """Let the worker write its rows and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.send_signal(signal.SIGCONT)  # of a stopped one, which then notices the other


def run(
    experiment: Experiment,
    folder: RunFolder,
    settings: Mapping[str, Any],
    engine: Engine,
    *,
    profile: Profile | None = None,
) -> None:
    """Keep actors at work until every shard is complete or given up; Ctrl-C stops them with their rows written.

    Raises
    ------
    ConfigError : ray is not installed, the cluster can't be reached, or a node does not see the run folder.
    RowsFailed : some batches could not be computed, or workers died again and again; all other rows are there.
    """
    own = cast("Ray", engine)
    shards = Part.parse(own.part).take(experiment.shards)

    def work(left: Sequence[Shard]) -> None:
        with connected(own) as ray:
            _keep_at_work(ray, folder, settings, own, left)

    unfinished = RowsFailed(f"some shards of {folder.path} are not complete; run the same command again")
    run_rounds(experiment, folder, shards, work, unfinished=unfinished)


def script(folder: Path, engine: Engine) -> str:
    """What `run` would ask the cluster for. Raises ConfigError where ray is not installed."""
    own = cast("Ray", engine)
    _ray()
    where = f"the Ray cluster at {own.address}" if own.address else "the Ray cluster of this machine, or a new one"
    count = f"{own.workers} actors" if own.workers else "as many actors as the nodes have room for"
    return f"# on {where}: {count}, each with num_cpus={own.cpus}, num_gpus={own.gpus:g}; they share {folder.parent}"


@contextmanager
def connected(engine: Ray) -> Iterator[Any]:
    """The module ray, connected to the cluster; to one that is there already where the program that runs us is.

    Raises ConfigError where it can't be reached.
    """
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # otherwise a warning that it will be so
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=engine.address, log_to_driver=True, logging_level=logging.WARNING)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise ConfigError(f"engine=ray: {first_line(error)}; start a cluster with: ray start --head") from error
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)  # Ray's own would end us without a word
    try:
        yield ray
    finally:
        ray.shutdown()


def room(nodes: Sequence[Mapping[str, Any]], *, cpus: int, gpus: float) -> int:
    """How many actors of that size the nodes of a cluster have room for, whoever uses them now.

    Parameters
    ----------
    nodes : as ``ray.nodes()`` gives them.
    """
    fitting = 0
    for node in nodes:
        if node["Alive"]:
            have = node["Resources"]
            by_gpu = int(have.get("GPU", 0) + 1e-6) * int(1 / gpus + 1e-6) if gpus else None
            by_cpu = int(have.get("CPU", 0)) // cpus
            fitting += by_cpu if by_gpu is None else min(by_cpu, by_gpu)
    return fitting


def _keep_at_work(ray: Any, folder: RunFolder, settings: Mapping[str, Any], own: Ray, left: Sequence[Shard]) -> None:
    """Start an actor wherever there is room for one, and again where one was lost, until no shard is left."""
    crew = _Crew(ray, own)
    lost, waiting, before = 0, False, 0
    try:
        with Watch(folder, sum(len(shard.image_ids) for shard in left)) as watch:
            while not watch.is_over:
                capacity = room(ray.nodes(), cpus=own.cpus, gpus=own.gpus)
                wanted = 0 if watch.has_finished else min(own.workers or capacity, len(left))
                if not capacity and not waiting:
                    waiting = True
                    log.warning(
                        "no node of the Ray cluster has engine.cpus=%d and engine.gpus=%g; waiting for one to join",
                        own.cpus, own.gpus,
                    )  # fmt: skip
                for _ in range(wanted - len(crew.at_work)):
                    number = crew.started % wanted  # of the shards that it begins with
                    crew.start(for_other_machines(settings, folder, own, own.cpus, number, wanted))
                for code, why in crew.ended(POLL_SECONDS):
                    if code == 0:
                        watch.finished()
                    else:
                        lost = 1 if watch.images > before else lost + 1
                        before = watch.images
                        log.warning("a worker on Ray was lost: %s; its shard goes to another one", why)
                watch.look()
                if lost >= MOST_STARTS * max(1, wanted):
                    raise RowsFailed(f"{lost} workers on Ray were lost without an image in between; see the log above")
                if watch.has_finished and not crew.at_work:
                    break
    finally:
        crew.end()


class _Crew:
    """The actors that are at work, or wait for a node that has room."""

    def __init__(self, ray: Any, engine: Ray) -> None:
        self.ray = ray
        self.started = 0
        self.at_work: dict[Any, Any] = {}  # from the end that is awaited to its actor
        self._kind = ray.remote(Seat).options(
            num_cpus=engine.cpus, num_gpus=engine.gpus, max_restarts=0, max_concurrency=2, scheduling_strategy="SPREAD"
        )

    def start(self, words: Mapping[str, Any]) -> None:
        actor = self._kind.remote()
        self.at_work[actor.work.remote(words)] = actor
        self.started += 1

    def ended(self, seconds: float) -> list[tuple[int, str]]:
        """The exit codes of those that ended within that time, and why. Raises the WsolError that one ended with."""
        if not self.at_work:
            time.sleep(seconds)
        ends = []
        for one in self._wait(list(self.at_work), seconds):
            actor = self.at_work.pop(one)
            try:
                code, said, host = self.ray.get(one)
            except self.ray.exceptions.RayTaskError as error:
                raise (error.cause if isinstance(error.cause, Exception) else error) from None
            except self.ray.exceptions.RayError as error:
                ends.append((1, first_line(error)))
                continue
            ends.append((code, "" if code == 0 else f"{how_it_ended(code, said)} on {host}"))
            self.ray.kill(actor)
        return ends

    def end(self) -> None:
        """Let all workers write their rows, wait for them, and end their actors."""
        with suppress(Exception):  # the cluster may be gone
            stops = {actor.stop.remote(): end for end, actor in self.at_work.items()}
            told = self._wait(list(stops), STOP_SECONDS)  # actors without a place yet don't answer
            self._wait([stops[one] for one in told], GRACE_SECONDS)
            for actor in self.at_work.values():
                self.ray.kill(actor)

    def _wait(self, ends: list[Any], seconds: float) -> list[Any]:
        """Those that are there within that time."""
        return list(self.ray.wait(ends, num_returns=len(ends), timeout=seconds)[0]) if ends else []


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError("engine=ray needs ray: pip install 'wsol[ray]'") from error
    return ray
