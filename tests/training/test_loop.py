"""A seed decides the weights: twice the same, after a stop too, whoever reads the images; what the log says."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.small import WORDS, equal, trained
from wsol.errors import ConfigError, OutputError
from wsol.training import loop
from wsol.training.checkpoint import CHECKPOINT, LOG
from wsol.training.loop import Diverged


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training."""
    out = tmp_path_factory.mktemp("reference")
    trained(out)
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    import safetensors.torch

    return safetensors.torch.load_file(folder / "model.safetensors")


def test_the_same_seed_gives_the_same_file(reference: Path, tmp_path: Path) -> None:
    trained(tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (reference / "model.safetensors").read_bytes()


@pytest.mark.full
def test_another_seed_gives_other_weights(reference: Path, tmp_path: Path) -> None:
    assert not equal(trained(tmp_path / "other", "seed=1"), weights(reference))


@pytest.mark.full
def test_images_in_memory_or_read_by_workers_change_nothing(reference: Path, tmp_path: Path) -> None:
    other = trained(tmp_path / "read", "recipe.cache=false", "engine.threads=1")
    assert equal(other, weights(reference))


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("stop", [4, 3, 2])
def test_a_stopped_training_resumes_to_the_same_weights(
    stop: int, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three steps per epoch: within the second epoch, at the end of the first, and within it."""
    calls: list[int] = []
    real = loop.factor_at

    def stopping(*given: Any) -> float:
        calls.append(given[1])
        if given[1] == stop:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(loop, "factor_at", stopping)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, "recipe.save_minutes=0")
    monkeypatch.setattr(loop, "factor_at", lambda *given: calls.append(given[1]) or real(*given))
    calls.clear()
    assert equal(trained(tmp_path, "recipe.save_minutes=0"), weights(reference))
    assert calls == [*range(stop, 6)], "no step is done twice"
    assert without_seconds(tmp_path) == without_seconds(reference)


def without_seconds(folder: Path) -> list[dict[str, str]]:
    with (folder / LOG).open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.full
def test_a_killed_training_resumes_to_the_same_weights(reference: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "wsol", "train", *WORDS, f"out={tmp_path}", "recipe.save_minutes=0"]
    kills = 0
    for _ in range(6):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = stamp(tmp_path)
        while process.poll() is None and stamp(tmp_path) == before:
            time.sleep(0.01)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    subprocess.run(words, check=True, capture_output=True)
    assert kills > 1
    assert equal(weights(tmp_path), weights(reference))


@pytest.mark.full
def test_two_devices_train_what_one_does(tmp_path: Path) -> None:
    """Without batch norm, whose statistics are of a device's own images, the mean of two gradients is that of one."""
    others = ("model=", "recipe.batch=")
    words = [word for word in WORDS if not word.startswith(others)]
    words += ["model=shapes_vgg_gap", "recipe.batch=10", "recipe.save_minutes=0"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "wsol"]
    subprocess.run([*command, "train", *words, f"out={tmp_path / 'two'}"], check=True, capture_output=True)
    one = [sys.executable, "-m", "wsol", "train", *words, f"out={tmp_path / 'one'}"]
    subprocess.run(one, check=True, capture_output=True)
    first, second = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.allclose(first[key], second[key], atol=1e-5) for key in first)
    for ours, theirs in zip(without_seconds(tmp_path / "one"), without_seconds(tmp_path / "two"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-4)


def stamp(folder: Path) -> int:
    file = folder / CHECKPOINT
    return file.stat().st_mtime_ns if file.is_file() else 0


def test_a_log_has_a_row_per_epoch(reference: Path) -> None:
    rows = without_seconds(reference)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["step"] for row in rows] == ["3", "6"]
    assert all(0 <= float(row["accuracy"]) <= 100 and float(row["loss"]) > 0 for row in rows)
    assert not (reference / CHECKPOINT).exists(), "a finished training needs no checkpoint"


def test_tensorboard_has_the_losses_of_the_log(reference: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (folder,) = {file.parent for file in (reference / "tensorboard").rglob("events*")}
    events = accumulator.EventAccumulator(str(folder)).Reload()
    logged = [(event.step, event.value) for event in events.Scalars("loss")]
    rows = without_seconds(reference)
    assert logged == [(int(row["step"]), pytest.approx(float(row["loss"]), rel=1e-5)) for row in rows]


def test_a_finished_training_is_left_alone(reference: Path) -> None:
    before = (reference / "model.safetensors").stat().st_mtime_ns
    trained(reference)
    assert (reference / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    ("word", "differs"),
    [("seed=5", "seed is 0 there, 5 here"), ("recipe.lr=0.1", "recipe.lr"), ("technique=has", "technique")],
)
def test_a_folder_of_another_training_is_refused(word: str, differs: str, reference: Path) -> None:
    with pytest.raises(OutputError, match=rf"holds the training of another run \({differs}.*out=DIR"):
        trained(reference, word)


@pytest.mark.full
def test_a_loss_that_is_not_finite_says_so(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match=r"the loss is (nan|inf) in epoch \d; try a lower rate than recipe.lr=1e\+30"):
        trained(tmp_path, "recipe.optimizer=sgd", "recipe.schedule=constant", "recipe.lr=1.0e+30")


@pytest.mark.full
def test_the_best_epoch_is_kept_where_the_recipe_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies = iter([50.0, 60.0, 60.0, 40.0])
    monkeypatch.setattr(loop, "accuracy_of", lambda *given: next(accuracies))
    best = trained(tmp_path / "best", "recipe.epochs=4", "recipe.keep=best", "recipe.schedule=constant")
    monkeypatch.setattr(loop, "accuracy_of", lambda *given: 0.0)
    second = trained(tmp_path / "second", "recipe.epochs=2", "recipe.schedule=constant")
    assert equal(best, second)
    assert "epoch 2 of 4" in (tmp_path / "best" / "README.md").read_text()


def test_without_the_extra_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ConfigError, match=r"accelerate, which is not installed: pip install 'wsol\[train\]'"):
        trained(tmp_path)


@pytest.mark.full
def test_global_state_is_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    trained(tmp_path, "recipe.epochs=1")
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()
