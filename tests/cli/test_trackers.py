"""Numbers exported to TensorBoard, MLflow and Weights & Biases."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from wsol.cli import main
from wsol.report.numbers.summary import summarize
from wsol.runs.folder import RunFolder


@pytest.mark.parametrize(
    ("option", "module"), [("--tensorboard", "tensorboard"), ("--mlflow", "mlflow"), ("--wandb", "wandb")]
)
def test_a_missing_library_names_the_extra(
    made_up: RunFolder, option: str, module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(module):
        pytest.skip(f"{module} is installed")
    assert main(["export", str(made_up.path), option, str(tmp_path / "place")]) == 2
    assert "pip install 'wsol[trackers]'" in capsys.readouterr().err


class Events:
    """A stand-in for TensorBoard's writer: a line for each number; the disk is full behind `room` of them."""

    room = 10**6

    def __init__(self, folder: str) -> None:
        self.file = (Path(folder) / "events.out.tfevents").open("w", encoding="utf-8")
        self.count = 0

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.count += 1
        if self.count > self.room:
            raise OSError(28, "No space left on device")
        self.file.write(f"{name} {value}\n")

    def close(self) -> None:
        self.file.close()


def test_events_are_written_beside_and_moved(
    made_up: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary", SimpleNamespace(Writer=Events))
    words = ["export", str(made_up.path), "--tensorboard", str(tmp_path / "tb")]
    assert main(words) == 0
    (whole,) = (path for path in (tmp_path / "tb").rglob("*") if path.is_file())
    before = whole.read_text()
    assert len(before.splitlines()) > 10
    monkeypatch.setattr(Events, "room", 3)
    assert main(words) == 2
    assert f"--tensorboard {tmp_path / 'tb'} can't be written: OSError: [Errno 28] No space" in capsys.readouterr().err
    assert [path for path in (tmp_path / "tb").rglob("*") if path.is_file()] == [whole]
    assert whole.read_text() == before


def test_tensorboard_gets_every_number(made_up: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `trackers` is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main(["export", str(made_up.path), "--tensorboard", str(tmp_path)]) == 0
    read = EventAccumulator(str(tmp_path / made_up.name))
    read.Reload()
    (value,) = read.Tensors("choe2020_v1/maxboxacc/gradcam-stage5")
    cells = {c.variant: c.value for c in summarize(made_up).cells if c.metric == "maxboxacc"}
    assert value.tensor_proto.float_val[0] == pytest.approx(cells["gradcam@stage5"], rel=1e-6)


def test_mlflow_gets_a_run_with_its_numbers(
    made_up: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra `trackers` is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow-skinny has no data base to write to
    uri = f"file:{tmp_path / 'store'}"
    assert main(["export", str(made_up.path), "--mlflow", uri]) == 0
    mlflow.set_tracking_uri(uri)
    (run,) = mlflow.search_runs(experiment_names=["wsol"], output_format="list")
    assert run.data.params["model"] == "shapes_gap"
    assert run.data.metrics["choe2020_v1/maxboxacc/gradcam-stage5"] > 0


def test_wandb_writes_a_run_offline(made_up: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="the extra `trackers` is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert main(["export", str(made_up.path), "--wandb", "wsol"]) == 0
    assert list(tmp_path.rglob("*.wandb"))
