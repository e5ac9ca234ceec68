"""What a run keeps of its first images."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.localization.one_map import boxes_at, map_of
from tests.report.small_run import METHODS, NO_METRIC, made, ran
from wsol.datasets.base import Sample
from wsol.errors import ConfigError
from wsol.evaluation import shown
from wsol.evaluation.experiment import Experiment
from wsol.localization.frame import in_stored_pixels
from wsol.localization.normalize import normalize
from wsol.localization.records import ImageMap
from wsol.protocols._base import Protocol, protocols
from wsol.runs import gallery
from wsol.runs.folder import RunFolder
from wsol.views import view_named


def test_the_first_images_in_sample_order_are_kept_with_every_variant(run: RunFolder, experiment: Experiment) -> None:
    kept = gallery.read(run)
    assert kept is not None
    expected = {i for i in experiment.samples if experiment.in_sample(i, 9)}
    assert set(kept.pictures) == expected
    assert len(expected) == 9
    assert set(kept.shown) == {(v.key, i) for v in experiment.variants for i in expected}
    assert kept.protocol["name"] == "choe2020_v1"


def test_a_kept_picture_is_the_image_in_small(run: RunFolder, experiment: Experiment) -> None:
    kept = gallery.read(run)
    assert kept is not None
    for image_id, picture in kept.pictures.items():
        sample = experiment.samples[image_id]
        original = experiment.dataset.image(sample)
        small = Image.open(io.BytesIO(picture.jpeg))
        assert max(small.size) <= 256
        assert small.width / small.height == pytest.approx(original.width / original.height, rel=0.02)
        difference = np.asarray(small, float) - np.asarray(original.resize(small.size, Image.Resampling.LANCZOS), float)
        assert np.abs(difference).mean() < 8  # JPEG at quality 80
        assert picture.size_wh == sample.size_wh
        assert picture.label == sample.label
        assert picture.gt_boxes.tolist() == sample.boxes_xyxy.tolist()


def test_kept_ious_and_ranks_are_those_of_the_rows(run: RunFolder) -> None:
    kept = gallery.read(run)
    assert kept is not None
    compared = 0
    for key, table in run.tables().items():
        for row in table.to_pylist():
            one = kept.shown.get((key, row["image_id"]))
            if one is None:
                continue
            compared += 1
            at = np.searchsorted(row["choe2020_v1/breaks"], kept.taus, side="right") - 1
            np.testing.assert_allclose(one.iou, np.array(row["choe2020_v1/iou"])[at], rtol=1e-6)
            picture = kept.pictures[row["image_id"]]
            assert picture.rank == row["rank"]
            assert picture.predicted == row["top"][0]
            assert picture.probability == pytest.approx(row["probability"], rel=1e-6)
    assert compared == 9 * 5


def kept_of(item: ImageMap, protocol: Protocol) -> gallery.Shown:
    """What the gallery keeps of a map."""
    return shown.shown(Sample("a", 0, item.boxes_xyxy, item.layout.stored_wh), "x", item, protocol)


@pytest.mark.parametrize("name", ["choe2020_v1", "choe2020_v2", "exact", "gradcam2017"])
def test_one_sweep_gives_the_boxes_of_every_threshold(name: str) -> None:
    protocol = protocols[name].derive({"tau": "sweep"})
    rng = np.random.default_rng(5)
    for size in ((90, 60), (64, 64)):
        item = map_of(rng.random((9, 7)), [[0, 0, 10, 10]], size_wh=size, view=view_named("squash", 64))
        kept = kept_of(item, protocol)
        assert len(kept.counts) == len(kept.iou) == len(gallery.TAUS)
        for step, tau in enumerate(gallery.TAUS):
            frame = boxes_at(item, tau, protocol)
            slow = in_stored_pixels(frame, item.layout, space=protocol.space, side=protocol.side)
            assert kept.at(step).tolist() == np.rint(slow).tolist()


def test_a_flat_map_has_no_box() -> None:
    assert not kept_of(map_of(np.zeros((20, 30))), protocols["choe2020_v1"]).counts.any()


def test_boxes_of_a_square_frame_come_back_in_stored_pixels() -> None:
    raw = np.zeros((8, 8))
    raw[2:6, 2:4] = 1.0
    kept = kept_of(map_of(raw, size_wh=(448, 112), view=view_named("squash", 64)), protocols["choe2020_v1"])
    ((x0, y0, x1, y1),) = kept.at(20)  # tau 0.5: the edge of a bilinear step, half a cell at most from the cell's
    assert abs(x0 - 112) <= 28
    assert abs(x1 - 224) <= 28
    assert abs(y0 - 28) <= 7
    assert abs(y1 - 84) <= 7


@pytest.mark.parametrize(("side", "expected"), [(14, (14, 14)), (56, (56, 56)), (112, (56, 56)), (224, (56, 56))])
def test_small_maps_are_kept_as_they_are_and_large_ones_averaged(side: int, expected: tuple[int, int]) -> None:
    raw = np.add.outer(np.arange(side), np.arange(side)).astype(float) - 3
    small = shown.small_map(raw, view_named("squash", 224).layout((300, 200)), (300, 200))
    assert small.shape == expected
    assert small.min() == 0
    assert small.max() == 255
    if side <= 56:
        np.testing.assert_array_equal(small, np.rint(255 * normalize(raw, rule="minmax")))


def test_a_view_of_a_part_leaves_the_rest_of_the_map_empty() -> None:
    small = shown.small_map(np.ones((7, 7)) + np.eye(7), view_named("centre", 224).layout((600, 300)), (600, 300))
    assert small.shape == (28, 56)
    assert not small[:, :13].any()
    assert not small[:, -13:].any()
    assert small[:, 20:36].any()


def test_the_box_protocol_is_the_first_that_a_page_can_sweep(experiment: Experiment) -> None:
    def chosen(*names: str, view: str = "squash") -> Protocol:
        ours = {"protocols": tuple(protocols[n] for n in names), "view": view_named(view, 224)}
        return dataclasses.replace(experiment, **ours).gallery_protocol

    assert chosen("choe2020_v2", "exact", "choe2020_v1").name == "exact"
    assert chosen("choe2020_v1", "exact", view="centre").name == "exact"  # the first is defined for squashed images
    assert chosen("layercam2021", "gradcam2017").preset == "gradcam2017"  # the first cuts shallow layers
    assert chosen("gradcam2017").tau == "sweep"
    assert chosen().name == "exact"


def test_no_other_protocols_boxes_stand_for_those_of_the_run(experiment: Experiment) -> None:
    for name in ("choe2020_v2", "choe2020_v1", "cam2016_code", "layercam2021"):
        for view in (view_named("squash", 224), view_named("centre", 224)):
            ours = dataclasses.replace(experiment, protocols=(protocols[name],), view=view)
            assert ours.gallery_protocol == protocols[name]


@pytest.mark.full
def test_a_variant_added_later_adds_only_its_own_maps(tmp_path: Path) -> None:
    first = ran(made("method=[gradcam]", NO_METRIC), tmp_path)
    files = {p.name: p.read_bytes() for p in (first.path / "gallery").iterdir()}
    second = ran(made("method=[gradcam,layercam]", NO_METRIC), tmp_path)
    assert second.path == first.path
    now = {p.name: p.read_bytes() for p in (second.path / "gallery").iterdir()}
    assert files.items() <= now.items()
    added = [p for p in (second.path / "gallery").iterdir() if p.name not in files]
    assert added
    assert max(p.stat().st_size for p in added) < min(len(data) for data in files.values())
    once = ran(made("method=[gradcam,layercam]", NO_METRIC), tmp_path / "once")
    assert _plain(second) == _plain(once)


def test_a_larger_gallery_later_adds_images_without_new_rows(tmp_path: Path) -> None:
    folder = ran(made("method=[gradcam]", NO_METRIC, "gallery=3"), tmp_path)
    rows = {p.name: p.stat().st_mtime_ns for p in (folder.path / "rows").iterdir()}
    ran(made("method=[gradcam]", NO_METRIC, "gallery=9"), tmp_path)
    assert {p.name: p.stat().st_mtime_ns for p in (folder.path / "rows").iterdir()} == rows
    kept = gallery.read(folder)
    assert kept is not None
    assert len(kept.pictures) == 9
    assert len(kept.shown) == 9


def test_a_damaged_file_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = ran(made("method=[gradcam]", NO_METRIC, "gallery=3"), tmp_path)
    whole = _plain(folder)
    file = next((folder.path / "gallery").iterdir())
    file.write_bytes(file.read_bytes()[:50])
    assert _plain(ran(made("method=[gradcam]", NO_METRIC, "gallery=3"), tmp_path)) == whole
    assert f"{file} is damaged and left out" in caplog.text


def test_the_gallery_moves_no_row(run: RunFolder, tmp_path: Path) -> None:
    without = ran(made(METHODS, NO_METRIC, "methods.layercam.layers=[stage4,stage5]", "gallery=0"), tmp_path)
    assert not (without.path / "gallery").exists()
    assert gallery.read(without) is None
    assert without.name == run.name
    costs = ("ms", "peak_mb")
    for key, table in run.tables().items():
        other = without.tables()[key]
        for column in other.column_names:
            if column not in costs:
                assert table[column].to_pylist() == other[column].to_pylist(), (key, column)


def test_a_gallery_of_a_strange_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"gallery='many' is not valid; expected int"):
        made("gallery=many")


def test_reading_a_gallery_imports_neither_torch_nor_numba(run: RunFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from wsol.runs import gallery; from wsol.runs.folder import RunFolder;"
        f"kept = gallery.read(RunFolder(Path({str(run.path)!r})));"
        "print(len(kept.shown), 'torch' in sys.modules or 'numba' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["45", "False"]


def _plain(folder: RunFolder) -> dict[str, object]:
    kept = gallery.read(folder)
    assert kept is not None
    pictures = {k: p.jpeg for k, p in kept.pictures.items()}
    return pictures | {
        str(k): (s.map.tolist(), s.boxes.tolist(), s.counts.tolist(), s.iou.tolist()) for k, s in kept.shown.items()
    }
