"""A stopped run keeps its rows, and the same command makes of them what one clean run gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.small import checksums, made, own_components, ran, rows
from wsol.cli import main
from wsol.datasets.base import Sample
from wsol.datasets.formats.shapes import Shapes
from wsol.evaluation.batches import Batch, is_complete
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.shard import evaluate
from wsol.evaluation.stopping import Stopped, stop_on_signals
from wsol.maps.network import NetworkMaps
from wsol.runs import gallery
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

N = 10
WORDS = (
    f"dataset.n={N}",
    "model.weights=random",
    "method=[fullbox,gradcam,scorecam]",
    "methods.scorecam.sample=4",  # images that lack less are batches of their own
    "metric=[pointing]",
    "protocol=[choe2020_v1,choe2020_v2,exact]",
    "engine.batch_size=2",
    "gallery=3",
)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the images that are opened from now on."""
    ids: list[str] = []
    image = Shapes.image

    def counted(self: Shapes, sample: Sample) -> Any:
        ids.append(sample.image_id)
        return image(self, sample)

    monkeypatch.setattr(Shapes, "image", counted)
    return ids


def kept(folder: RunFolder) -> dict[str, Any]:
    """What the gallery shows, in plain values."""
    found = gallery.read(folder)
    assert found is not None
    pictures = {image: picture.jpeg for image, picture in found.pictures.items()}
    maps = {str(pair): (one.map.tolist(), one.boxes.tolist(), one.iou.tolist()) for pair, one in found.shown.items()}
    return pictures | maps


def assert_as_clean(folder: RunFolder, clean: RunFolder) -> None:
    """The same files, by name, with the same rows but for what is measured, and the same gallery."""
    assert {p.name for p in (folder.path / "rows").iterdir()} == {p.name for p in (clean.path / "rows").iterdir()}
    assert rows(folder) == rows(clean)
    assert checksums(folder) == checksums(clean)
    assert all(not footer.image_ids for footer in folder.footers())
    assert kept(folder) == kept(clean)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("after", [1, 3])
def test_a_run_that_is_stopped_between_batches_resumes_behind_them(
    after: int, experiment: Experiment, clean: RunFolder, tmp_path: Path, opened: list[str]
) -> None:
    folder, seen = RunFolder(tmp_path / experiment.folder_name), []

    def stop(batch: Batch) -> None:
        seen.extend(sample.image_id for sample in batch.samples)
        if len(seen) >= 2 * after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(experiment, experiment.shards, folder, on_batch=stop)
    (footer,) = folder.footers()
    assert sorted(footer.image_ids) == sorted(seen)
    assert {i for table in folder.tables().values() for i in table["image_id"].to_pylist()} == set(seen)
    (shard,) = experiment.shards
    assert folder.done(shard) == frozenset()
    assert not is_complete(experiment, shard, folder)
    opened.clear()
    ran(experiment, tmp_path)
    assert sorted(opened) == sorted(set(experiment.samples) - set(seen))
    assert_as_clean(folder, clean)


@pytest.mark.full
def test_a_run_stopped_again_and_again_loses_nothing(
    experiment: Experiment, clean: RunFolder, tmp_path: Path, opened: list[str]
) -> None:
    folder = RunFolder(tmp_path / experiment.folder_name)

    def stop(batch: Batch) -> None:
        raise KeyboardInterrupt

    done, (shard,) = 0, experiment.shards
    while not is_complete(experiment, shard, folder):
        with pytest.raises(KeyboardInterrupt):
            evaluate(experiment, experiment.shards, folder, on_batch=stop)
        kept = sum(len(footer.image_ids) for footer in folder.footers())
        assert done < kept < N or (kept == 0 and folder.done(shard) == experiment.work)
        done = kept
    opened.clear()
    ran(experiment, tmp_path)
    assert opened == []
    assert_as_clean(folder, clean)


def test_a_batch_that_fails_once_is_tried_again(
    experiment: Experiment, clean: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = NetworkMaps.maps, []

    def failing(self: NetworkMaps, loaded: Any, *args: Any) -> Any:
        calls.append(len(loaded))
        if len(calls) == 4:
            raise RuntimeError("CUDA error")
        return original(self, loaded, *args)

    with monkeypatch.context() as patch:
        patch.setattr(NetworkMaps, "maps", failing)
        folder = ran(experiment, tmp_path)
    assert sum(calls) == N + calls[3]
    assert_as_clean(folder, clean)


def test_rows_reach_the_disk_now_and_then(
    experiment: Experiment, clean: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, there, sizes = RunFolder(tmp_path / experiment.folder_name), [], []
    monkeypatch.setattr("wsol.evaluation.shard.EVERY_SECONDS", -1.0)

    def count(batch: Batch) -> None:
        there.append(sum(len(footer.image_ids) or footer.rows for footer in folder.footers()))
        sizes.append(len(batch.samples))

    evaluate(experiment, experiment.shards, folder, on_batch=count)
    assert there[:-1] == np.cumsum(sizes[:-1]).tolist()
    assert_as_clean(folder, clean)


@pytest.mark.full
def test_a_stopped_run_does_not_stand_in_the_way_of_another_choice(
    experiment: Experiment, tmp_path: Path, opened: list[str]
) -> None:
    """What it left covers some images of some pairs: the next command takes these rows, and is complete behind them."""

    def stop(batch: Batch) -> None:
        raise KeyboardInterrupt

    folder, (shard,) = RunFolder(tmp_path / experiment.folder_name), experiment.shards
    with pytest.raises(KeyboardInterrupt):
        evaluate(experiment, experiment.shards, folder, on_batch=stop)
    plain = [word for word in WORDS if not word.startswith(("method", "protocol", "metric"))]
    other = made(*plain, "method=[gradcam,layercam]", "protocol=[choe2020_v1]")
    assert other.folder_name == experiment.folder_name
    clean = ran(other, tmp_path / "clean")
    ran(other, tmp_path)
    assert is_complete(other, shard, folder)
    assert not is_complete(experiment, shard, folder)
    ours, theirs = folder.tables(), clean.tables()
    for key in theirs:
        names = [n for n in theirs[key].column_names if n.startswith("choe2020_v1/") or n == "image_id"]
        assert ours[key].select(names).to_pylist() == theirs[key].select(names).to_pylist()
    ran(experiment, tmp_path)
    assert is_complete(experiment, shard, folder)
    assert all(not footer.image_ids for footer in folder.footers())
    opened.clear()
    ran(experiment, tmp_path)
    ran(other, tmp_path)
    assert not opened


def test_parts_that_outlive_their_whole_put_no_row_twice(
    experiment: Experiment, clean: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was killed after the parts were joined, before the last of them was removed."""

    def stop(batch: Batch) -> None:
        raise KeyboardInterrupt

    folder = RunFolder(tmp_path / experiment.folder_name)
    with pytest.raises(KeyboardInterrupt):
        evaluate(experiment, experiment.shards, folder, on_batch=stop)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
        ran(experiment, tmp_path)
    assert any(footer.image_ids for footer in folder.footers())
    assert rows(folder) == rows(clean)
    assert is_complete(experiment, experiment.shards[0], folder)


SLOW = '''
import os, time
import wsol.evaluation.shard
from wsol.methods._base import method

wsol.evaluation.shard.EVERY_SECONDS = 0.0

@method("slow", paper="a test", year=2026)
class Slow:
    """Slow: Grad-CAM that takes its time where it is told so."""

    def __call__(self, layer):
        time.sleep(float(os.environ.get("SLOW", 0)))
        return (layer.gradients.mean((2, 3), keepdim=True) * layer.activations).sum(1)
'''
FEW = ["run", f"dataset.n={N}", "model.weights=random", "method=[fullbox,slow]", "metric=[]", "gallery=3"]
FEW += ["protocol=[choe2020_v1]", "engine.batch_size=1", "table=false"]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The words of a run whose rows reach the disk after each batch."""
    file = tmp_path_factory.mktemp("own") / "slow_method.py"
    file.write_text(SLOW)
    before = sys.modules["wsol.evaluation.shard"].EVERY_SECONDS
    with own_components():
        yield [*FEW, "--with", str(file)]
    sys.modules.pop("wsol_with_slow_method", None)
    sys.modules["wsol.evaluation.shard"].EVERY_SECONDS = before


@pytest.fixture(scope="module")
def finished(slow: list[str], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    runs = tmp_path_factory.mktemp("finished")
    assert main([*slow, f"paths.runs={runs}"]) == 0
    return open_run("latest", runs)


@pytest.mark.full
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_signalled_process_keeps_its_rows_and_says_how_to_resume(
    number: signal.Signals, code: int, slow: list[str], finished: RunFolder, tmp_path: Path, opened: list[str]
) -> None:
    words = [sys.executable, "-m", "wsol", *slow, f"paths.runs={tmp_path}"]
    # tests in the background of a shell ignore SIGINT, and so would this process
    heed: Callable[[], object] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    environment = {**os.environ, "SLOW": "0.5"}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heed)
    try:
        deadline = time.monotonic() + 120
        while len(list(tmp_path.glob("*/rows/shard-*.parquet"))) < 2:
            assert process.poll() is None, "the run ended before it could be stopped"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        err = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == code
    assert ("run the same command to resume" in err) == (number != signal.SIGKILL)
    assert "Traceback" not in err
    folder = open_run("latest", tmp_path)
    done = {image for footer in folder.footers() for image in footer.image_ids}
    assert 2 <= len(done) < N
    opened.clear()
    assert main([*slow, f"paths.runs={tmp_path}"]) == 0
    assert sorted(opened) == sorted({f"test/{n:05d}" for n in range(N)} - done)
    assert_as_clean(folder, finished)


def test_signals_are_exceptions_within_the_block_and_themselves_behind_it() -> None:
    codes = {signal.SIGTERM: 143, signal.SIGHUP: 129}
    outside = {number: signal.signal(number, signal.SIG_DFL) for number in codes}  # nohup pytest ignores SIGHUP
    try:
        for number, code in codes.items():
            with pytest.raises(Stopped, match=number.name) as stopped, stop_on_signals():
                signal.raise_signal(number)
            assert stopped.value.exit_code == code
        assert [signal.getsignal(number) for number in codes] == [signal.SIG_DFL] * 2
    finally:
        for number, handler in outside.items():
            signal.signal(number, handler)


@pytest.mark.full
def test_batches_that_take_too_long_become_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = made(*WORDS, "engine.batch_size=4", "methods.scorecam.sample=null")
    folder, sizes = RunFolder(tmp_path / experiment.folder_name), []
    monkeypatch.setattr("wsol.evaluation.shard.BATCH_SECONDS", 1e-9)
    evaluate(experiment, experiment.shards, folder, on_batch=lambda batch: sizes.append(len(batch.samples)))
    assert sizes == [4, 4, 1, 1]  # the second was made before the first was done
    rows = [row for table in folder.tables().values() for row in table.to_pylist()]
    assert {row["image_id"] for row in rows} == set(experiment.samples)
    taken = {row["image_id"]: row["batch"] for row in rows if row["forwards"]}
    assert [taken[image_id] for image_id in sorted(taken)] == [None] * 8 + [1.0, 1.0]
