"""Actors of a Ray cluster give the rows of one process, though a node is lost and another one joins."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.conftest import joined
from tests.evaluation.slow_workers import slow_file, workers_of
from tests.evaluation.small import checksums, made, ran, rows
from wsol.cli import main
from wsol.evaluation.engines.ray import room
from wsol.runs.find import open_run
from wsol.runs.leases import WORK, presences

WORDS = (
    "dataset.n=120",
    "model.weights=random",
    "method=[fullbox,gradcam]",
    "protocol=[choe2020_v1]",
    "metric=[]",
    "gallery=0",
    "engine.batch_size=2",
)
ON_RAY = ("engine=ray", "engine.gpus=0", "engine.cpus=1", "engine.batch_size=2", "engine.shard_size=8")


def node(*, cpus: float, gpus: float = 0, alive: bool = True) -> Mapping[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": cpus, **({"GPU": gpus} if gpus else {})}}


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "count"),
    [
        ([], 1, 1.0, 0),
        ([node(cpus=8)], 1, 1.0, 0),
        ([node(cpus=8), node(cpus=3), node(cpus=8, alive=False)], 2, 0.0, 5),
        ([node(cpus=64, gpus=8)], 4, 1.0, 8),
        ([node(cpus=64, gpus=2)], 4, 0.25, 8),
        ([node(cpus=64, gpus=2)], 4, 0.4, 4),  # two on each: no actor has parts of two GPUs
        ([node(cpus=8, gpus=4), node(cpus=64, gpus=1)], 4, 1.0, 3),  # two have cores on the first
    ],
)
def test_a_cluster_has_room_for_so_many_actors(nodes: list[Any], cpus: int, gpus: float, count: int) -> None:
    assert room(nodes, cpus=cpus, gpus=gpus) == count


def test_a_share_of_a_gpu_decides_the_device_of_the_rows() -> None:
    assert made(*WORDS, "engine=ray", "engine.gpus=0.25").numerics.device == "cuda"
    assert made(*WORDS, "engine=ray", "engine.gpus=0").numerics.device == "cpu"


def test_a_machine_without_ray_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return load(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["run", *WORDS, *ON_RAY, f"paths.runs={tmp_path}"]) == 2
    assert "engine=ray needs ray: pip install 'wsol[ray]'" in capsys.readouterr().err


def command(runs: Path, slow: Path, address: str) -> list[str]:
    words = [sys.executable, "-m", "wsol", "run", *WORDS, *ON_RAY, f"engine.address={address}", f"paths.runs={runs}"]
    return [*words, "--with", str(slow)]


def raylet_of(pid: int) -> int:
    """The process id of the Ray node that an actor's worker belongs to: the parent of its parent."""
    for _ in range(2):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


@pytest.mark.full
def test_a_lost_node_and_one_that_joins_change_no_row(cluster: Any, tmp_path: Path) -> None:
    slow = slow_file(tmp_path)
    clean = ran(made(*WORDS, "engine.shard_size=8"), tmp_path / "clean")
    nodes = [joined(cluster), joined(cluster)]
    runs = tmp_path / "runs"
    process = subprocess.Popen(
        command(runs, slow, cluster.address), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        pids = workers_of(runs, 2)
        raylets = {raylet_of(pid): pid for pid in pids}
        lost = next(one for one in nodes if one.all_processes["raylet"][0].process.pid in raylets)
        pid = raylets[lost.all_processes["raylet"][0].process.pid]
        os.kill(pid, signal.SIGKILL)  # a machine that is lost takes all its processes along
        cluster.remove_node(lost, allow_graceful=False)
        joined(cluster)
        seen: set[int] = set()
        while process.poll() is None:
            seen |= {one.pid for folder in runs.glob(f"*/{WORK}") for one in presences(folder)}
            time.sleep(0.1)
        out, err = process.communicate(timeout=180)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    assert "a worker on Ray was lost" in err
    assert "gradcam" in out
    assert seen - set(pids), err  # others came
    folder = open_run("latest", runs)
    assert checksums(folder) == checksums(clean)
    assert rows(folder) == rows(clean)
    assert not (folder.path / WORK).exists()


@pytest.mark.full
def test_a_signal_stops_the_actors_with_their_rows_written(cluster: Any, tmp_path: Path) -> None:
    slow = slow_file(tmp_path)
    joined(cluster)
    runs = tmp_path / "runs"
    process = subprocess.Popen(command(runs, slow, cluster.address), stderr=subprocess.PIPE, text=True)
    try:
        (pid,) = workers_of(runs, 1)
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=90)[1]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 143, err
    assert "wsol: stopped; run the same command to resume" in err
    assert "Traceback" not in err
    assert not Path(f"/proc/{pid}").exists()
    folder = open_run("latest", runs)
    assert folder.footers()
    assert not (folder.path / WORK).exists()
