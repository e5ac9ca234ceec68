"""Any number of processes share a run: no shard is computed twice, and the rows are those of one process."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed import simulated
from tests.evaluation.slow_workers import SHORT_LEASES, slow_file, workers_of
from tests.evaluation.small import checksums, made, rows
from wsol.cli import main
from wsol.datasets.base import Sample
from wsol.datasets.formats.shapes import Shapes
from wsol.evaluation.engines import run_local
from wsol.evaluation.engines.ranks import Rank
from wsol.evaluation.engines.shift import Shift
from wsol.evaluation.experiment import Experiment
from wsol.runs import leases
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder
from wsol.runs.leases import WORK, Worker
from wsol.runs.snapshot import Snapshot

WORDS = (
    "dataset.n=24",
    "model.weights=random",
    "method=[fullbox,gradcam,scorecam,randomcam]",
    "methods.scorecam.sample=4",
    "protocol=[choe2020_v1,exact]",
    "engine.batch_size=3",
    "engine.shard_size=6",
    "gallery=5",
)


def test_two_equal_runs_at_once_share_the_shards_and_both_end_complete(
    experiment: Experiment, clean: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    image, both = Shapes.image, threading.Barrier(2)

    def counted(self: Shapes, sample: Sample) -> Any:
        opened.append(sample.image_id)
        time.sleep(0.01)
        return image(self, sample)

    monkeypatch.setattr(Shapes, "image", counted)
    folder = RunFolder(tmp_path / experiment.folder_name)
    complete: list[bool] = []

    def run(own: Experiment) -> None:
        both.wait(60)
        run_local(own, folder)
        complete.append(checksums(folder) == checksums(clean))

    # made before, since Hydra composes for one thread alone, and one each: hooks of two on one network would meet
    threads = [threading.Thread(target=run, args=(made(*WORDS),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert complete == [True, True]
    assert sorted(opened) == sorted(experiment.samples)
    assert not (folder.path / WORK).exists()


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_shards_changes_no_row(
    seed: int, experiment: Experiment, clean: RunFolder, tmp_path: Path
) -> None:
    shards = list(experiment.shards)
    random.Random(seed).shuffle(shards)
    folder = RunFolder(tmp_path / experiment.folder_name)
    with Worker(folder.path) as worker:
        Shift(experiment, folder, shards, worker, first=seed).run()
    assert checksums(folder) == checksums(clean)
    assert rows(folder) == rows(clean)


def test_a_worker_looks_once_for_all_shards_that_others_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, looks = simulated.experiment(60, 0.0), []
    folder = RunFolder(tmp_path / "run")
    look = leases.latest_leases

    def counted(place: Path, index: int | None = None) -> Any:
        looks.append(index)
        return look(place, index)

    with Worker(folder.path) as other, Worker(folder.path) as mine:
        assert all(other.acquire(shard.index) for shard in run.shards[:-1])
        monkeypatch.setattr(leases, "latest_leases", counted)
        assert list(Shift(run, folder, run.shards, mine)._leased()) == [run.shards[-1]]
    assert len(looks) < 10


def test_a_snapshot_shows_what_the_folder_does(experiment: Experiment, clean: RunFolder) -> None:
    known = Snapshot(clean.path)
    assert [known.held(shard) for shard in experiment.shards] == [clean.held(shard) for shard in experiment.shards]
    assert [file.path for file in known.files()] == [file.path for file in clean.files()]
    assert Snapshot(clean.path / "nothing").files() == []


def run_command(runs: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "wsol", "run", *WORDS, "metric=[]", "table=false", f"paths.runs={runs}", *words]


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("workers", [2, 3])
def test_several_processes_give_the_rows_of_one(
    workers: int, experiment: Experiment, clean: RunFolder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["run", *WORDS, "metric=[]", f"paths.runs={tmp_path}", f"engine.workers={workers}"]
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert f"4 of 4 shards are due, on {workers} worker processes" in err
    assert "gradcam" in out
    folder = open_run("latest", tmp_path)
    assert checksums(folder) == checksums(clean)
    assert rows(folder) == rows(clean)
    assert not (folder.path / WORK).exists()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command whose batches take half a second, with two workers."""
    file = slow_file(tmp_path)
    started: list[subprocess.Popen[str]] = []

    def start(runs: Path) -> subprocess.Popen[str]:
        words = run_command(runs, "engine.workers=2", "--with", str(file))
        started.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_is_started_again_and_loses_nothing(
    number: signal.Signals, slow: Callable[..., Any], clean: RunFolder, tmp_path: Path
) -> None:
    process = slow(tmp_path / "runs")
    os.kill(workers_of(tmp_path / "runs", 2)[0], number)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 0, err
    assert f"ended with {number.name}; it is started again" in err
    assert checksums(open_run("latest", tmp_path / "runs")) == checksums(clean)


@pytest.mark.full
def test_a_stopped_worker_is_not_waited_for(clean: RunFolder, tmp_path: Path) -> None:
    file = slow_file(tmp_path, more=SHORT_LEASES)
    words = run_command(tmp_path / "runs", "engine.workers=2", "--with", str(file))
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        os.kill(workers_of(tmp_path / "runs", 2)[0], signal.SIGSTOP)
        err = process.communicate(timeout=150)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    folder = open_run("latest", tmp_path / "runs")
    assert checksums(folder) == checksums(clean)
    assert not (folder.path / WORK).exists()


@pytest.mark.full
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_stops_all_workers_with_their_rows_written(
    number: signal.Signals, code: int, slow: Callable[..., Any], clean: RunFolder, tmp_path: Path
) -> None:
    process = slow(tmp_path / "runs")
    pids = workers_of(tmp_path / "runs", 2)
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "wsol: stopped; run the same command to resume" in err
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    folder = open_run("latest", tmp_path / "runs")
    assert folder.footers()
    assert not (folder.path / WORK).exists()
    assert main(run_command(tmp_path / "runs")[3:]) == 0
    assert checksums(folder) == checksums(clean)


@pytest.mark.full
def test_workers_end_when_the_process_that_started_them_is_killed(slow: Callable[..., Any], tmp_path: Path) -> None:
    process = slow(tmp_path / "runs")
    pids = workers_of(tmp_path / "runs", 2)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("known", "rank"),
    [
        ({}, Rank()),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}, Rank(5, 8, 1, 4)),
        ({"RANK": "5", "WORLD_SIZE": "8"}, Rank()),
        (
            {
                "SLURM_STEP_ID": "0",
                "SLURM_PROCID": "6",
                "SLURM_NTASKS": "8",
                "SLURM_LOCALID": "2",
                "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
            },
            Rank(6, 8, 2, 4),
        ),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_LOCALID": "0"}, Rank()),  # a shell that Slurm lent
        ({"SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_LOCALID": "0"}, Rank()),
        (
            {"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "5"},
            Rank(2, 5),
        ),
        ({"PBS_ARRAY_INDEX": "0"}, Rank(0, 2)),
        ({"SGE_TASK_ID": "undefined"}, Rank()),
        ({"SGE_TASK_ID": "1", "SGE_TASK_FIRST": "1"}, Rank(0, 2)),
        ({"LSB_JOBINDEX": "3"}, Rank(2, 2)),
    ],
)
def test_ranks_are_known_by_the_variables_of_what_started_them(known: Mapping[str, str], rank: Rank) -> None:
    assert Rank.here(known) == rank
    assert Rank.here(known).first == (rank.number == 0)


def test_only_the_first_rank_prints_the_table_and_a_task_of_an_array_is_alone_on_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "dataset.n=4", "method=[fullbox]", "metric=[]", "gallery=0", f"paths.runs={tmp_path}"]
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "0")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    assert main(words) == 0
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    assert main(words) == 0
    assert "fullbox" in capsys.readouterr().out
