"""`wsol reproduce --train`: the weights of a table are trained once, and then its numbers are there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.small_table import GRADCAM, cell, write
from wsol.cli import main
from wsol.errors import ConfigError

TRAIN = ["recipe=shapes", "dataset=shapes", "model=shapes_gap", "technique=cam"]


class FakeTraining:
    """Stands for the module of `wsol train`: leaves the embedded network's weights, its head changed a little."""

    def __init__(self, stops: int = 0) -> None:
        self.calls: list[list[str]] = []
        self.stops = stops  # how often it is stopped before it is done

    def main(self, words: list[str]) -> int:
        import torch
        from safetensors.torch import save_file

        from wsol.models.zoo import load_classifier

        self.calls.append(words)
        print("epoch 1: this is no answer")
        if self.stops:
            self.stops -= 1
            return 1
        state = {k: v.clone() for k, v in load_classifier("shapes_gap").module.state_dict().items()}
        bias = next(name for name in state if name.endswith("bias"))
        state[bias] += torch.linspace(0, 0.1, len(state[bias]))
        folder = Path(next(word for word in words if word.startswith("out=")).removeprefix("out="))
        folder.mkdir(parents=True, exist_ok=True)
        save_file(state, folder / "model.safetensors")
        return 0


def trained_table(place: Path) -> str:
    words = [word for word in GRADCAM if not word.startswith("model.weights")]
    return write(place, [cell("gradcam", overrides=words, train=TRAIN)], weights="trained by you", checkpoint="FILE")


def test_from_nothing_to_the_table_each_step_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, where = trained_table(tmp_path / "b.yaml"), f"paths.runs={tmp_path / 'runs'}"
    fake = FakeTraining(stops=1)
    monkeypatch.setitem(sys.modules, "wsol.cli.train", fake)
    assert main(["reproduce", place, where]) == 2  # without --train nothing is trained
    assert "give model.weights=FILE, or train them here: --train" in capsys.readouterr().out
    assert not fake.calls
    assert main(["reproduce", place, where, "--train", "--json"]) == 2  # stopped in the middle
    (stopped,) = json.loads(capsys.readouterr().out)
    assert stopped["verdict"] == "not run"
    assert stopped["reason"].endswith("ended with 1; the same command resumes")
    assert main(["reproduce", place, where, "--train", "--json"]) == 0
    (first,) = json.loads(capsys.readouterr().out)  # what the training printed is not in it
    assert first["n"] == 12
    out = tmp_path / "runs" / "training" / "shapes-shapes-shapes_gap-cam"
    assert fake.calls == 2 * [[*TRAIN, where, f"out={out}"]]
    (run,) = (tmp_path / "runs").glob("*/run.json")
    assert "model.safetensors" in json.loads(run.read_text())["identity"]["weights_name"]
    assert main(["reproduce", place, where, "--train", "--json"]) == 0
    assert len(fake.calls) == 2  # trained already
    assert json.loads(capsys.readouterr().out) == [first]
    assert main(["reproduce", place, where, "--json"]) == 0  # and its weights are found without being asked for
    assert json.loads(capsys.readouterr().out) == [first]


def test_a_dry_run_prints_the_steps_and_does_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wsol.cli.train", FakeTraining())
    place, where = trained_table(tmp_path / "b.yaml"), f"paths.runs={tmp_path / 'runs'}"
    assert main(["reproduce", place, where, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" wsol ")[0].split() for line in lines[:-1]] == [
        ["train", "to", "do"], ["evaluate", "to", "do"], ["compare", "to", "do"],
    ]  # fmt: skip
    weights = tmp_path / "runs" / "training" / "shapes-shapes-shapes_gap-cam" / "model.safetensors"
    assert f"model.weights={weights}" in lines[1]
    assert lines[-1].startswith("3 steps: 1 to train, 1 to evaluate, 1 to compare; 0 done.")
    assert not (tmp_path / "runs").exists()
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"")
    assert main(["reproduce", place, where, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("train    done")


def test_a_training_that_cannot_be_done_leaves_the_others_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(FakeTraining):
        def main(self, words: list[str]) -> int:
            if "technique=has" in words:
                raise ConfigError("recipe shapes has no lr for technique=has")
            return super().main(words)

    monkeypatch.setitem(sys.modules, "wsol.cli.train", Refusing())
    cells = [cell("has", train=[*TRAIN[:-1], "technique=has"]), cell("cam", train=TRAIN)]
    place = write(tmp_path / "b.yaml", cells, weights="trained by you", checkpoint="FILE")
    assert main(["reproduce", place, f"paths.runs={tmp_path / 'runs'}", "--train", "--json"]) == 2
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["has"]["reason"] == "not trained: recipe shapes has no lr for technique=has"
    assert found["cam"]["ours"] is not None
