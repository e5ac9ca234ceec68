"""Figures for papers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.report.made_up import make_run
from tests.report.small_run import NO_METRIC, made, ran
from wsol.errors import ConfigError
from wsol.report.figures.plots import _apart
from wsol.report.figures.style import blend
from wsol.report.figures.write import write_figures
from wsol.report.numbers.report_data import ReportData
from wsol.report.numbers.studies import ablations
from wsol.runs.folder import RunFolder

pytest.importorskip("matplotlib")

NAMES = {
    "accuracy-over-tau-choe2020_v1",
    "accuracy-over-tau-choe2020_v2",
    "iou-choe2020_v1",
    "iou-choe2020_v2",
    "iou-gradcam2017",
    "deletion-insertion-rise2018_dataset_sample=2",
    "quality-against-cost",
    "ablation-layercam-layers",
    "maps",
}


@pytest.mark.full
def test_every_figure_the_rows_allow_is_written(run: RunFolder, tmp_path: Path) -> None:
    files = write_figures(run, tmp_path, style="svg", n_resamples=20)
    assert {f.name for f in files} == {f"{name}.svg" for name in NAMES}
    assert all(file.read_bytes().startswith(b"<?xml") for file in files)


@pytest.mark.full
@pytest.mark.parametrize(("style", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_same_rows_give_the_same_bytes(run: RunFolder, tmp_path: Path, style: str, begins: bytes) -> None:
    some = {"style": style, "only": ("iou-choe2020_v1", "quality-against-cost"), "n_resamples": 20}
    first, again = (write_figures(run, tmp_path / name, **some) for name in ("first", "again"))
    assert [file.name for file in first] == [f"iou-choe2020_v1.{style}", f"quality-against-cost.{style}"]
    assert all(file.read_bytes().startswith(begins) for file in first)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]


@pytest.mark.full
def test_figures_are_pictures_with_something_on_them(run: RunFolder, tmp_path: Path) -> None:
    for file in write_figures(run, tmp_path, n_resamples=20):
        pixels = np.asarray(Image.open(file).convert("L"))
        assert pixels.shape[1] > 900
        assert 0.005 < (pixels < 200).mean() < 0.8, file.name


@pytest.mark.full
def test_missing_matplotlib_says_what_to_install(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"figures need matplotlib; install it with: pip install 'wsol\[figures\]'"):
        write_figures(run, tmp_path)


def test_an_ablation_is_found_for_every_option_that_varied(tmp_path: Path) -> None:
    folder = ran(
        made(
            "method=[layercam,gradcam]",
            "methods.layercam.layers=[stage5,stage4,stage4+stage5]",
            "methods.layercam.gamma=[1,2,10]",
            NO_METRIC,
            "dataset.n=4",
            "gallery=0",
        ),
        tmp_path,
    )
    data = ReportData.of(folder, n_resamples=20)
    assert data.headline is not None
    found = {(study.method, study.option): study for study in ablations(data.lines, data.headline)}
    assert set(found) == {("layercam", "layers"), ("layercam", "gamma")}
    gamma, layers = found["layercam", "gamma"], found["layercam", "layers"]
    assert gamma.numeric
    assert list(gamma.values) == [1, 2, 10]
    assert set(gamma.series) == {"stage4", "stage5", "stage4+5"}
    assert list(layers.values) == ["stage4", "stage5", "stage4+stage5"]
    assert not layers.ordered
    cell = data.cell("layercam@stage4[gamma=10]", "choe2020_v1", "maxboxacc")
    assert gamma.series["stage4"][2] == cell


def test_a_variant_without_an_option_begins_the_series_of_its_layer(tmp_path: Path) -> None:
    """Of one layer without gamma, fusion has nothing to do: the same variant stands first in each series."""
    folder = ran(
        made("method=[layercam]", "methods.layercam.layers=[stage5]", "methods.layercam.gamma=[null,1,2]",
             "methods.layercam.scale=[shallow,all]", NO_METRIC, "dataset.n=4", "gallery=0"),
        tmp_path,
    )  # fmt: skip
    data = ReportData.of(folder, n_resamples=20)
    assert data.headline is not None
    (gamma,) = (study for study in ablations(data.lines, data.headline) if study.option == "gamma")
    assert list(gamma.values) == [None, 1, 2]
    assert gamma.names == ["none", "1", "2"]
    assert set(gamma.series) == {"scale all", "scale shallow"}
    plain = data.cell("layercam@stage5", "choe2020_v1", "maxboxacc")
    assert all(cells[0] == plain and len(cells) == 3 for cells in gamma.series.values())


def test_names_never_lie_on_each_other_and_stay_near_their_points() -> None:
    placed = _apart([70.0, 50.0, 50.0, 49.0, 10.0], gap=2.0)
    assert max(np.diff(placed)) <= -2 + 1e-9
    assert np.mean(placed[1:4]) == pytest.approx(np.mean([50, 50, 49]))
    assert [placed[0], placed[4]] == [70, 10]


def test_a_cold_map_leaves_the_image_and_a_hot_one_covers_it() -> None:
    image = Image.new("RGB", (20, 10), (10, 200, 30))
    cold, hot = (blend(image, np.full((2, 2), level)) for level in (0.0, 1.0))
    assert cold.shape == (10, 20, 3)
    assert np.abs(cold.astype(int) - [10, 200, 30]).max() < 40
    assert np.abs(hot.astype(int) - [194, 227, 98]).max() <= 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("knobs", "name"),
    [(("side=112", "tau_step=0.01"), "knobs-choe2020_v1"), (("tau=0.1", "tau=0.2"), "ablation-threshold")],
)
def test_a_knob_study_has_a_figure(tmp_path: Path, knobs: tuple[str, ...], name: str) -> None:
    protocols = ("choe2020_v1", *(f"choe2020_v1[{knob}]" for knob in knobs))
    quality = {"gradcam@stage5": 0.0, "layercam@stage5": 0.1}
    run = make_run(tmp_path / "run", quality, protocols=protocols, n=20)
    (file,) = write_figures(run, tmp_path / "figures", style="svg", only=(name,), n_resamples=20)
    drawn = file.read_text()
    assert file.name == f"{name}.svg"
    assert all(variant in drawn for variant in quality)
    assert all(knob.partition("=")[2] in drawn for knob in knobs)
