"""Whatever happens to the processes and files of a run, the same command ends with the rows of one clean run.

Workers are forked from this process, so that a fault costs no start of Python. WSOL_CHAOS is the number of faults;
`make chaos` has 200.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluation.small import checksums, made, ran, rows
from wsol.evaluation import shard as shard_module
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment
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


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return made(*WORDS)


@pytest.fixture(scope="module")
def clean(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return ran(experiment, tmp_path_factory.mktemp("clean"))


def worker(experiment: Experiment, folder: RunFolder, at: int) -> int:
    """The process id of a fork that runs what is missing, beginning at a shard, and writes after each batch."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        shard_module.EVERY_SECONDS = 0.0
        run_local(experiment, folder, first=at)
        code = 0
    finally:
        os._exit(code)


def torn(draw: random.Random, files: list[Path]) -> None:
    """Cut a file short, or change a byte of it."""
    file = draw.choice(files)
    content = bytearray(file.read_bytes())
    if draw.random() < 0.5:
        content = content[: draw.randrange(len(content))]
    else:
        content[draw.randrange(len(content))] ^= 0x55
    file.write_bytes(bytes(content))


def fault(kind: str, draw: random.Random, folder: RunFolder, pids: list[int]) -> None:
    """What happens to a run."""
    stored = [*folder.path.glob("rows/*.parquet"), *folder.path.glob("gallery/*.parquet")]
    if kind in ("SIGKILL", "SIGTERM"):
        os.kill(draw.choice(pids), getattr(signal, kind))
    elif kind == "SIGSTOP":
        chosen = draw.choice(pids)
        os.kill(chosen, signal.SIGSTOP)
        time.sleep(2 * leases.LEASE_SECONDS)
        os.kill(chosen, signal.SIGCONT)
    elif kind == "torn" and stored:
        torn(draw, stored)
    elif kind == "deleted file" and stored:
        draw.choice(stored).unlink(missing_ok=True)
    elif kind == "deleted folder":
        shutil.rmtree(folder.path, ignore_errors=True)
    elif kind == "left behind":
        place = folder.path / leases.WORK
        place.mkdir(parents=True, exist_ok=True)
        (place / f"shard-{draw.randrange(5):05d}.{draw.randrange(1, 4)}.json").write_text('{"worker": "gone"}')


KINDS = ("SIGKILL", "SIGKILL", "SIGTERM", "SIGSTOP", "torn", "deleted file", "deleted folder", "left behind")


def survive(experiment: Experiment, runs: Path, draw: random.Random, kinds: list[str], workers: int) -> RunFolder:
    """A run with that many workers that meets these faults, one after the other, and is then run to its end."""
    folder = RunFolder(runs / experiment.folder_name)
    for kind in kinds:
        pids = [worker(experiment, folder, draw.randrange(5)) for _ in range(workers)]
        time.sleep(draw.random() * 0.8)
        try:
            fault(kind, draw, folder, pids)
            time.sleep(draw.random() * 0.2)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    return ran(experiment, runs)


def check(experiment: Experiment, clean: RunFolder, tmp_path: Path, seed: int, choose: Callable[..., list[str]]) -> int:
    draw = random.Random(seed)
    kinds, workers = choose(draw), draw.randint(1, 3)
    folder = survive(experiment, tmp_path / str(seed), draw, kinds, workers)
    assert checksums(folder) == checksums(clean), (kinds, workers, seed)
    assert rows(folder) == rows(clean), (kinds, workers, seed)
    assert not (folder.path / leases.WORK).exists()
    assert not list(folder.path.rglob(".wsol-*"))
    shutil.rmtree(tmp_path / str(seed))
    return len(kinds)


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 0.4)
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.1)


def test_three_kills_change_no_row(experiment: Experiment, clean: RunFolder, tmp_path: Path) -> None:
    check(experiment, clean, tmp_path, 0, lambda draw: ["SIGKILL"] * 3)


@pytest.mark.full
def test_twenty_faults_change_no_row(experiment: Experiment, clean: RunFolder, tmp_path: Path) -> None:
    done, seed = 0, 1
    while done < 20:
        done += check(experiment, clean, tmp_path, seed, lambda draw: draw.choices(KINDS, k=draw.randint(1, 4)))
        seed += 1


@pytest.mark.full
@pytest.mark.skipif(not FAULTS, reason="make chaos sets WSOL_CHAOS")
def test_many_faults_change_no_row(experiment: Experiment, clean: RunFolder, tmp_path: Path) -> None:
    done, seed = 0, 1000
    while done < FAULTS:
        done += check(experiment, clean, tmp_path, seed, lambda draw: draw.choices(KINDS, k=draw.randint(1, 6)))
        seed += 1
