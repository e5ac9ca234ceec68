"""What can't be computed costs its own batch: it is tried a few times, written down, and all other rows are there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.small import made, ran, rows
from wsol.cli import main
from wsol.datasets.base import Sample
from wsol.datasets.formats.shapes import Shapes
from wsol.errors import DataError, OutputError, RowsFailed
from wsol.evaluation.engines import shift
from wsol.evaluation.experiment import Experiment
from wsol.maps.network import NetworkMaps
from wsol.runs import failures
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

WORDS = (
    "dataset.n=12",
    "model.weights=random",
    "method=[fullbox,gradcam]",
    "protocol=[choe2020_v1]",
    "engine.batch_size=2",
    "engine.shard_size=6",
)
BAD = "test/00002"  # in the second batch of the first of two shards


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return made(*WORDS)


@pytest.fixture(scope="module")
def clean(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return ran(experiment, tmp_path_factory.mktemp("clean"))


def failing_on(monkeypatch: pytest.MonkeyPatch, bad: Sequence[str]) -> list[list[str]]:
    """Let the network fail on batches with these images; returns the image ids of all batches it is given."""
    original, calls = NetworkMaps.maps, []

    def maps(self: NetworkMaps, loaded: Any, *args: Any) -> Any:
        calls.append([one.sample.image_id for one in loaded])
        if not set(bad).isdisjoint(calls[-1]):
            raise RuntimeError("an illegal instruction\nand more")
        return original(self, loaded, *args)

    monkeypatch.setattr(NetworkMaps, "maps", maps)
    return calls


def test_a_batch_that_keeps_failing_is_given_up_and_all_others_are_there(
    experiment: Experiment, clean: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = ["test/00002", "test/00003"]
    with monkeypatch.context() as patch:
        calls = failing_on(patch, [BAD])
        with pytest.raises(
            RowsFailed, match=r"2 images in 1 of 2 shards .* first test/00002: RuntimeError: an ill"
        ) as e:
            ran(experiment, tmp_path)
    assert e.value.exit_code == 1
    assert calls.count(lost) == shift.TRIES
    folder = RunFolder(tmp_path / experiment.folder_name)
    kept = {key: table["image_id"].to_pylist() for key, table in folder.tables().items()}
    assert all(ids == sorted(set(experiment.samples) - set(lost)) for ids in kept.values())
    (known,) = failures.read_all(folder.path)
    assert (known.shard, list(known.image_ids)) == (0, lost)
    assert known.error == "RuntimeError: an illegal instruction"
    text = failures.place(folder.path, 0).read_text()
    assert "Traceback (most recent call last)" in text
    assert "and more" in text
    ran(experiment, tmp_path)  # the fault is gone
    assert rows(folder) == rows(clean)
    assert not (folder.path / "failures").exists()
    assert not (folder.path / "work").exists()


def test_errors_in_one_batch_after_the_other_are_not_the_batches_fault(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = failing_on(monkeypatch, list(experiment.samples))
    with pytest.raises(RuntimeError, match="an illegal instruction"):
        ran(experiment, tmp_path)
    assert len(calls) == shift.IN_A_ROW * shift.TRIES


def test_an_image_that_cannot_be_read_is_not_tried_again(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    original = Shapes.image

    def image(self: Shapes, sample: Sample) -> Any:
        opened.append(sample.image_id)
        if sample.image_id == BAD:
            raise DataError(f"{BAD} can't be read")
        return original(self, sample)

    monkeypatch.setattr(Shapes, "image", image)
    with pytest.raises(RowsFailed, match=f"DataError: {BAD} can't be read"):
        ran(experiment, tmp_path)
    assert opened.count(BAD) == 1
    assert RunFolder(tmp_path / experiment.folder_name).tables()["fullbox"].num_rows == 10


def test_a_full_disk_ends_the_run_at_once_with_one_sentence(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: RunFolder, *args: Any, **options: Any) -> Any:
        raise OutputError("can't write rows: No space left on device")

    calls = failing_on(monkeypatch, [])
    monkeypatch.setattr(RunFolder, "write", write)
    with pytest.raises(OutputError, match="No space left on device"):
        ran(experiment, tmp_path)
    assert len(calls) <= 4


def test_a_command_prints_the_table_of_what_is_there_and_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing_on(monkeypatch, [BAD])
    assert main(["run", *WORDS, "metric=[]", "gallery=0", f"paths.runs={tmp_path}"]) == 1
    out, err = capsys.readouterr()
    assert "so far 10 of 12 images" in " ".join(out.split())
    assert re.search(r"wsol: RowsFailed: 2 images in 1 of 2 shards could not be evaluated, first test/00002", err)
    assert open_run("latest", tmp_path).path.joinpath("failures/shard-00000.txt").is_file()


def test_a_run_folder_deleted_during_the_run_is_made_again(
    experiment: Experiment, clean: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    original, calls = NetworkMaps.maps, []
    folder = RunFolder(tmp_path / experiment.folder_name)

    def maps(self: NetworkMaps, loaded: Any, *args: Any) -> Any:
        calls.append(len(loaded))
        if len(calls) == 5:  # the first shard is written
            assert folder.done(experiment.shards[0])
            shutil.rmtree(folder.path)
        return original(self, loaded, *args)

    monkeypatch.setattr(NetworkMaps, "maps", maps)
    ran(experiment, tmp_path)
    assert rows(folder) == rows(clean)
