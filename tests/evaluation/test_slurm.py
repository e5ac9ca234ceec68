"""An array job gives the rows of one process: on Slurm where it is installed, and on submitit's own processes."""

from __future__ import annotations

import builtins
import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.evaluation import one_node_slurm
from tests.evaluation.slow_workers import slow_file
from tests.evaluation.small import checksums, made, ran
from wsol.cli import main
from wsol.evaluation.engines import slurm
from wsol.runs.find import open_run

WORDS = (
    "dataset.n=12",
    "model.weights=random",
    "method=[fullbox,gradcam]",
    "metric=[]",
    "gallery=0",
    "protocol=[choe2020_v1]",
    "engine.shard_size=4",
)
ARRAY = ("engine=slurm", "engine.gpus=0", "engine.cpus=1", "engine.workers=2", "engine.shard_size=4")


@pytest.mark.full
def test_tasks_of_an_array_give_the_rows_of_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.1)
    clean = ran(made(*WORDS), tmp_path / "clean")
    words = ["run", *WORDS, *ARRAY, "engine.cluster=local", f"paths.runs={tmp_path / 'runs'}"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "submitted 2 tasks" in err
    assert "gradcam" in out
    folder = open_run("latest", tmp_path / "runs")
    assert folder.name == clean.name
    assert checksums(folder) == checksums(clean)
    assert main(words) == 0
    assert "submitted" not in capsys.readouterr().err


def test_a_dry_run_prints_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("submitit")
    assert main(["run", *WORDS, *ARRAY, "engine.partition=long", f"paths.runs={tmp_path}", "--dry"]) == 0
    out = capsys.readouterr().out
    for line in ("--array=0-1%2", "--cpus-per-task=1", "--mem=32GB", "--partition=long", "--time=240"):
        assert f"#SBATCH {line}\n" in out
    assert "gpus" not in out
    assert not list(tmp_path.iterdir())


def test_rows_of_tasks_with_gpus_are_known_as_such_before_there_is_one() -> None:
    on_gpus = made(*WORDS, "engine=slurm")
    assert on_gpus.numerics.device == "cuda"
    assert on_gpus.chunk == 64
    assert on_gpus.folder_name != made(*WORDS).folder_name


def test_a_machine_without_slurm_or_submitit_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", *WORDS, *ARRAY, f"paths.runs={tmp_path}"]
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(words) == 2
    assert 'engine=slurm: Could not detect "srun"' in capsys.readouterr().err
    load = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "submitit":
            raise ImportError(name)
        return load(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(words) == 2
    assert "engine=slurm needs submitit: pip install 'wsol[slurm]'" in capsys.readouterr().err


def test_a_folder_that_is_deleted_while_a_result_is_read_is_no_traceback(tmp_path: Path) -> None:
    def exception() -> None:
        result.unlink()
        result.stat()

    result = tmp_path / "1_0_result.pkl"
    result.touch()
    job = SimpleNamespace(paths=SimpleNamespace(result_pickle=result), exception=exception)
    assert isinstance(slurm._error(job), FileNotFoundError)
    assert slurm._error(job) is None  # of a task that left no word


def test_a_disk_without_room_for_the_tasks_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers = pytest.importorskip("submitit.helpers")

    def dump(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(helpers.DelayedSubmission, "dump", dump)
    assert main(["run", *WORDS, *ARRAY, "engine.cluster=local", f"paths.runs={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert re.search("wsol: OutputError: can't write .*/slurm/.*: No space left on device", error)
    assert "Traceback" not in error


def until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def shown(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.full
@pytest.mark.skipif(bool(one_node_slurm.why_not()), reason=one_node_slurm.why_not() or "Slurm is here")
def test_slurm_runs_the_array_and_what_it_requeues(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One task is requeued by Slurm, as on preemption, the other by itself, as before its time limit."""
    pytest.importorskip("submitit")
    words = ("dataset.n=120", *WORDS[1:], "engine.batch_size=2")
    clean = ran(made(*words), tmp_path / "clean")
    slow, runs = slow_file(tmp_path), tmp_path / "runs"
    command = [sys.executable, "-m", "wsol", "run", *words, *ARRAY, "engine.memory=1", "engine.minutes=30"]
    command += [f"paths.runs={runs}", "--with", str(slow)]
    with one_node_slurm.slurm(tmp_path_factory.mktemp("slurm")):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            until(lambda: len(list(runs.glob("*/work/worker-*.json"))) == 2, 120, "two tasks start")
            until(lambda: bool(list(runs.glob("*/rows/*.parquet"))), 60, "rows appear")
            first, second = sorted(shown("squeue", "--noheader", "--array", "--format=%i", "--name=wsol").split())
            assert subprocess.run(["scontrol", "requeue", first], check=False).returncode == 0
            assert subprocess.run(["scancel", "--signal=USR2", second], check=False).returncode == 0
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
            process.communicate()
        states = [shown("scontrol", "show", "job", task) for task in (first, second)]
    assert process.returncode == 0, err
    assert "submitted 2 tasks" in err
    assert "gradcam" in out
    assert ["Restarts=1" in state for state in states] == [True, True], states
    folder = open_run("latest", runs)
    assert checksums(folder) == checksums(clean)
    assert not list(runs.glob("*/work/*"))
