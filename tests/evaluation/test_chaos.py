"""Whatever happens to the processes and files of a run, the same command ends with the rows of one clean run.

Workers are forked from this process, so that a fault costs no start of Python. WSOL_CHAOS is the number of faults of
`make chaos`; those on Ray and on submitit's executor are in `test_chaos_elsewhere`.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.evaluation import chaos
from tests.evaluation.small import checksums, ran, rows
from wsol.evaluation import shard as shard_module
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.shard import evaluate
from wsol.runs import leases
from wsol.runs.folder import RunFolder

FAULTS = int(os.environ.get("WSOL_CHAOS", "0"))
WORDS = (
    "dataset.n=40",
    "model.weights=random",
    "method=[fullbox,centergauss,cam]",
    "protocol=[choe2020_v1]",
    "engine.batch_size=2",
    "engine.shard_size=8",
    "gallery=4",
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs fork")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """The root of a file system for runs."""
    with chaos.disk(tmp_path / "disk") as root:
        yield root


def forked(work: Callable[[], object]) -> int:
    """The process id of a fork that works, and writes after each batch."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        shard_module.EVERY_SECONDS = 0.0
        work()
        code = 0
    finally:
        os._exit(code)


def survive(
    experiment: Experiment, runs: Path, draw: random.Random, kinds: list[str], workers: int, place: Path
) -> RunFolder:
    """A run with that many workers that meets these faults, one after the other, and is then run to its end."""
    folder = RunFolder(runs / experiment.folder_name)
    for kind in kinds:
        starts = [draw.randrange(5) for _ in range(workers)]
        pids = [forked(lambda at=at: run_local(experiment, folder, first=at)) for at in starts]  # type: ignore[misc]
        if kind == "two writers":  # one knows nothing of leases
            order = draw.sample(experiment.shards, 5)
            pids.append(forked(lambda order=order: evaluate(experiment, order, folder)))  # type: ignore[misc]
        time.sleep(draw.random() * 0.8)
        try:
            chaos.fault(kind, draw, folder, pids, place)
            time.sleep(draw.random() * 0.2)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        chaos.met[f"local {workers}, {kind}"] += 1
    return ran(experiment, runs)


def check(experiment: Experiment, clean: RunFolder, place: Path, seed: int, choose: Callable[..., list[str]]) -> int:
    draw = random.Random(seed)
    kinds, workers = choose(draw), draw.randint(1, 3)
    folder = survive(experiment, place / str(seed), draw, kinds, workers, place)
    assert checksums(folder) == checksums(clean), (kinds, workers, seed)
    assert rows(folder) == rows(clean), (kinds, workers, seed)
    assert not (folder.path / leases.WORK).exists()
    assert not list(folder.path.rglob(".wsol-*"))
    shutil.rmtree(place / str(seed))
    return len(kinds)


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.4)
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.1)


def test_three_kills_change_no_row(experiment: Experiment, clean: RunFolder, place: Path) -> None:
    check(experiment, clean, place, 0, lambda draw: ["SIGKILL"] * 3)


@pytest.mark.full
def test_twenty_faults_change_no_row(experiment: Experiment, clean: RunFolder, place: Path) -> None:
    kinds = chaos.kinds_on(place)
    done, seed = 0, 1
    while done < 20:
        done += check(experiment, clean, place, seed, lambda draw: draw.choices(kinds, k=draw.randint(1, 4)))
        seed += 1


@pytest.mark.full
@pytest.mark.skipif(not FAULTS, reason="make chaos sets WSOL_CHAOS")
def test_many_faults_change_no_row(experiment: Experiment, clean: RunFolder, place: Path) -> None:
    kinds = chaos.kinds_on(place)
    done, seed = 0, 1000
    while done < FAULTS * 4 // 5:
        done += check(experiment, clean, place, seed, lambda draw: draw.choices(kinds, k=draw.randint(1, 6)))
        seed += 1
    print(f"\n{done} faults: {dict(sorted(chaos.met.items()))}")
