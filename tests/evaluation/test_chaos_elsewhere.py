"""The faults of `test_chaos` met by workers on a Ray cluster of two nodes, and by tasks of submitit's local executor.

WSOL_CHAOS is the number of faults of `make chaos`, of which a tenth happens on each of these.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation import chaos
from tests.evaluation.conftest import joined
from tests.evaluation.slow_workers import SHORT_LEASES, slow_maps
from tests.evaluation.small import checksums, made, ran, rows
from wsol.errors import OutputError, RowsFailed
from wsol.evaluation.device import engine_of
from wsol.evaluation.engines import ray as on_ray
from wsol.evaluation.engines import slurm
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.shard import evaluate
from wsol.evaluation.stopping import Stopped
from wsol.runs import leases
from wsol.runs.folder import RunFolder
from wsol.settings import choices, compose_settings

FAULTS = int(os.environ.get("WSOL_CHAOS", "0"))
WORDS = (
    "dataset.n=48",
    "model.weights=random",
    "method=[fullbox,centergauss,cam]",
    "protocol=[choe2020_v1]",
    "metric=[]",
    "gallery=4",
    "engine.batch_size=2",
    "engine.shard_size=8",
)
ENGINES = {
    "ray": ("engine=ray", "engine.gpus=0", "engine.cpus=1"),
    "submitit": ("engine=slurm", "engine.cluster=local", "engine.gpus=0", "engine.cpus=1", "engine.workers=2"),
}

pytestmark = [pytest.mark.full, pytest.mark.skipif(not FAULTS, reason="make chaos sets WSOL_CHAOS")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The root of a file system for runs; workers have short leases and slow batches."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 3.0)
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.2)
    file = tmp_path / "for_workers.py"
    file.write_text(SHORT_LEASES + f"import os\nif os.getpid() != {os.getpid()}:\n" + "".join(
        f"    {line}\n" for line in slow_maps(0.3).strip().splitlines()
    ))  # fmt: skip
    choices.use([str(file)])
    with chaos.disk(tmp_path / "disk") as root:
        yield root
    choices.use()


def misfortune(
    draw: random.Random, folder: RunFolder, place: Path, lose: Callable[[], None] | None, over: threading.Event
) -> None:
    """Faults until the run is over, each when workers have been at work for a moment."""
    kinds = [kind for kind in chaos.kinds_on(place) if kind != "two writers"]
    engine = "submitit" if lose is None else "ray"
    while not over.wait(draw.random()):
        pids = [one.pid for one in leases.presences(folder.path / leases.WORK) if one.pid != os.getpid()]
        if not pids:
            continue
        kind = "lost node" if lose is not None and draw.random() < 0.2 else draw.choice(kinds)
        if kind == "lost node":
            assert lose is not None
            try:
                lose()
            except Exception as error:  # Ray's, where the machine is so busy that a node takes too long to join
                print(f"{engine}: {error}")
                continue
        else:
            chaos.fault(kind, draw, folder, pids, place)
        chaos.met[f"{engine}, {kind}"] += 1
        over.wait(3 * draw.random())


def survive(
    runner: Any, name: str, runs: Path, draw: random.Random, place: Path, lose: Callable[[], None] | None = None
) -> RunFolder:
    """The same command again and again until it ends well, with what happens to it."""
    settings = compose_settings([*WORDS, *ENGINES[name], *WORDS[-2:], f"paths.runs={runs}"])
    experiment: Experiment = made(*WORDS, *ENGINES[name], *WORDS[-2:])
    folder = RunFolder(runs / experiment.folder_name)
    for _ in range(30):
        over = threading.Event()
        thread = threading.Thread(target=misfortune, args=(draw, folder, place, lose, over))
        thread.start()
        child = 0
        if draw.random() < 0.5:
            child = os.fork()
            if not child:
                with suppress(BaseException):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                    evaluate(experiment, experiment.shards, folder)
                os._exit(0)
            chaos.met[f"{name}, two writers"] += 1
        try:
            folder.write_manifest(experiment.manifest({}))
            runner.run(experiment, folder, settings, engine_of(settings))
            break
        except (RowsFailed, OutputError, Stopped) as error:
            print(f"{name}: {error}")
        finally:
            over.set()
            thread.join()
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    return ran(made(*WORDS), runs)  # what was torn or deleted at the very end


def until_enough(runner: Any, name: str, clean: RunFolder, place: Path, lose: Callable[[], None] | None = None) -> None:
    """Runs that meet faults until there were enough, each compared with the clean one."""
    seed, started = 0, time.monotonic()
    while sum(count for key, count in chaos.met.items() if key.startswith(f"{name},")) < FAULTS // 10:
        draw = random.Random(seed)
        folder = survive(runner, name, place / str(seed), draw, place, lose)
        assert folder.name == clean.name
        assert checksums(folder) == checksums(clean), seed
        assert rows(folder) == rows(clean), seed
        shutil.rmtree(place / str(seed))
        seed += 1
    mine = {key: count for key, count in sorted(chaos.met.items()) if key.startswith(name)}
    print(f"\n{sum(mine.values())} faults in {seed} runs, {time.monotonic() - started:.0f} s: {mine}")


def test_faults_on_two_nodes_of_ray_change_no_row(
    cluster: Any, clean: RunFolder, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    handle = signal.signal

    def in_main_thread(number: int, handler: Any) -> Any:  # a node that joins from another thread sets handlers, too
        return handle(number, handler) if threading.current_thread() is threading.main_thread() else None

    monkeypatch.setattr(signal, "signal", in_main_thread)
    nodes = [joined(cluster), joined(cluster)]

    def lose() -> None:
        nodes.append(joined(cluster))  # first: where this fails, the run still has two nodes
        cluster.remove_node(nodes.pop(0), allow_graceful=False)

    ray.init(address=cluster.address, log_to_driver=False)
    try:
        until_enough(on_ray, "ray", clean, place, lose)
    finally:
        ray.shutdown()


def test_faults_on_submitits_executor_change_no_row(clean: RunFolder, place: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (extra slurm)")
    until_enough(slurm, "submitit", clean, place)
