"""A batch that can't be computed is lost alone, and so is an image that can't be read; all other rows are there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.small import ran, rows
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
LAST_BITS = ["probability", "map_digest"]  # they know how many images were in a batch
BAD = "test/00002"  # in the second batch of the first of two shards


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


def unreadable(monkeypatch: pytest.MonkeyPatch, bad: Mapping[str, type[Exception]]) -> list[str]:
    """Let images raise when they are opened; returns the ids of all that are."""
    original, opened = Shapes.image, []

    def image(self: Shapes, sample: Sample) -> Any:
        opened.append(sample.image_id)
        if sample.image_id in bad:
            raise bad[sample.image_id](f"{sample.image_id} can't be read")
        return original(self, sample)

    monkeypatch.setattr(Shapes, "image", image)
    return opened


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


@pytest.mark.parametrize("bad", [["test/00002"], ["test/00003"], ["test/00000", "test/00005", "test/00008"]])
@pytest.mark.parametrize(("error", "opened"), [(DataError, 1), (OSError, shift.TRIES)])
def test_an_image_that_cannot_be_read_costs_only_itself(
    experiment: Experiment,
    clean: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bad: list[str],
    error: type[Exception],
    opened: int,
) -> None:
    """First or last of its batch, alone or several of a shard; what may pass is tried again."""
    folder = RunFolder(tmp_path / experiment.folder_name)
    with monkeypatch.context() as patch:
        tries = unreadable(patch, dict.fromkeys(bad, error))
        with pytest.raises(RowsFailed, match=rf"^{len(bad)} images? in .* first {bad[0]}: {error.__name__}: {bad[0]}"):
            ran(experiment, tmp_path)
    assert [tries.count(image_id) for image_id in bad] == [opened] * len(bad)
    there = sorted(set(experiment.samples) - set(bad))
    assert all(table["image_id"].to_pylist() == there for table in folder.tables().values())
    assert [i for known in failures.read_all(folder.path) for i in known.image_ids] == bad
    ran(experiment, tmp_path)  # the images are back
    again, right = rows(folder), rows(clean)
    assert again["fullbox"].drop_columns(LAST_BITS) == right["fullbox"].drop_columns(LAST_BITS)
    assert again["gradcam@stage5"]["image_digest"] == right["gradcam@stage5"]["image_digest"]
    assert not (folder.path / "failures").exists()


def test_where_no_image_can_be_read_the_run_ends(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(monkeypatch, dict.fromkeys(experiment.samples, DataError))
    with pytest.raises(DataError, match=r"test/0000\d can't be read"):
        ran(experiment, tmp_path)


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
