"""`wsol status` says how far a run is, from its folder alone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.evaluation.small import made, ran
from wsol.cli import main, status
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.shard import evaluate
from wsol.runs import failures
from wsol.runs.folder import RunFolder
from wsol.runs.leases import Worker
from wsol.runs.status import status_of

WORDS = ("dataset.n=10", "model.weights=random", "method=[fullbox,centergauss]", "protocol=[choe2020_v1]")
WORDS += ("engine.batch_size=2", "engine.shard_size=4")


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return made(*WORDS)


@pytest.fixture
def half(experiment: Experiment, tmp_path: Path) -> RunFolder:
    """The first shard is there, and two images of the second."""
    folder = RunFolder(tmp_path / experiment.folder_name)
    folder.write_manifest(experiment.manifest({}))
    evaluate(experiment, experiment.shards[:1], folder)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(experiment, experiment.shards[1:], folder, on_batch=stop)
    return folder


def test_a_run_that_nobody_works_on(half: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--runs", str(half.path.parent)]) == 0
    out = capsys.readouterr().out
    assert out == (
        f"{half.name}: 6 of 10 images done (shards: 1 of 3 done, 2 waiting)\n"
        "no worker is running; run the same command to resume\n"
    )


def test_workers_and_errors_are_shown(half: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    failures.record(half.path, 2, ["test/00008"], ValueError("no map\nmore"))
    with Worker(half.path) as worker:
        worker.acquire(1)
        worker.computed(2)
        worker.beat()
        assert main(["status", half.name, "--runs", str(half.path.parent), "--json"]) == 0
        known = json.loads(capsys.readouterr().out)
        assert known["shards"] == {"done": 1, "running": 1, "failed": 1, "waiting": 0}
        assert known["workers"] == [{"host": worker.me.host, "pid": worker.me.pid, "shards": [1], "images": 2}]
        assert known["images_per_second"] > 0
        assert known["seconds_left"] == pytest.approx(4 / known["images_per_second"])
        assert known["last_error"] == "ValueError: no map"
        assert main(["status", "--runs", str(half.path.parent)]) == 0
        out = capsys.readouterr().out
        assert "(shards: 1 of 3 done, 1 running, 1 failed)" in out
        assert "1 shard has images that were given up; last error, in shard 3" in out
        assert worker.me.host in out


def test_a_complete_run_has_no_failures_and_needs_no_torch(experiment: Experiment, tmp_path: Path) -> None:
    folder = ran(experiment, tmp_path)
    known = status_of(folder)
    assert known.complete
    assert (known.images_done, known.seconds_left, known.last_error) == (10, 0.0, None)
    code = "import sys; from wsol.cli import main; code = main(sys.argv[1:]); sys.exit(code or 'torch' in sys.modules)"
    words = [sys.executable, "-c", code, "status", "--runs", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{folder.name}: 10 of 10 images done (shards: 3 of 3 done)\n"


def test_what_was_added_to_a_complete_run_is_to_be_done(experiment: Experiment, tmp_path: Path) -> None:
    folder = ran(experiment, tmp_path)
    more = made(*WORDS[:2], "method=[fullbox,randomcam]", *WORDS[3:])
    folder.write_manifest(more.manifest({}))
    assert status_of(folder).counts == {"done": 0, "running": 0, "failed": 0, "waiting": 3}


def test_watching_ends_with_the_run(
    half: RunFolder, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status, "EVERY_SECONDS", 0.05)
    rest = threading.Timer(0.2, lambda: ran(experiment, half.path.parent))
    rest.start()
    assert main(["status", "--watch", "--json", "--runs", str(half.path.parent)]) == 0
    rest.join()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[0]["images_done"], lines[-1]["images_done"]) == (6, 10)
    assert lines[-1]["complete"]


def test_watching_ends_where_the_rest_was_given_up_and_nobody_works(
    half: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    for shard in (1, 2):
        failures.record(half.path, shard, ["test/00008"], ValueError("no map"))
    assert main(["status", "--watch", "--runs", str(half.path.parent)]) == 0
    out = capsys.readouterr().out
    assert "(shards: 1 of 3 done, 2 failed)" in out
    assert "2 shards have images that were given up" in out


def test_a_table_made_half_way_says_so(half: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", half.name, "--runs", str(half.path.parent)]) == 0
    assert "(so far 6 of 10 images)" in capsys.readouterr().out


def test_a_manifest_that_says_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RunFolder(tmp_path / "old-run").write_manifest({})
    assert main(["status", "--runs", str(tmp_path)]) == 2
    assert "run.json does not say what was asked for" in capsys.readouterr().err
