"""A run over more images of a set takes the rows that other runs have of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from tests.evaluation.small import checksums, rows
from wsol.cli import main
from wsol.datasets.base import Sample
from wsol.maps.network import NetworkMaps
from wsol.maps.source import Loaded
from wsol.models.zoo import load_classifier
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

FEW = ("run", "method=[fullbox,gradcam]", "metric=[]", "protocol=[choe2020_v1]", "engine.batch_size=2", "gallery=0")
RANDOM = "model.weights=random"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Ten images in one go."""
    return run(tmp_path_factory.mktemp("clean"), RANDOM, "dataset.n=10")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the images that are opened from now on."""
    found: list[str] = []
    load = NetworkMaps.load

    def counted(self: NetworkMaps, sample: Sample, *args: Any) -> Loaded:
        found.append(sample.image_id)
        return load(self, sample, *args)

    monkeypatch.setattr(NetworkMaps, "load", counted)
    return found


def run(runs: Path, *words: str) -> RunFolder:
    """A command, and the folder it wrote."""
    assert main([*FEW, "table=false", f"paths.runs={runs}", *words]) == 0
    return open_run("latest", runs)


def ids(first: int, last: int) -> list[str]:
    return [f"test/{n:05d}" for n in range(first, last)]


def test_only_new_images_of_a_larger_set_are_opened(
    tmp_path: Path, clean: RunFolder, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    small = run(tmp_path, RANDOM, "dataset.n=6")
    opened.clear()
    capsys.readouterr()
    large = run(tmp_path, RANDOM, "dataset.n=10")
    assert sorted(opened) == ids(6, 10)
    assert "rows of 6 images are taken from other runs" in capsys.readouterr().err
    assert large.name == clean.name != small.name
    assert rows(large) == rows(clean)
    assert checksums(large) == checksums(clean)
    assert {p.name for p in (large.path / "rows").iterdir()} == {p.name for p in (clean.path / "rows").iterdir()}


def test_a_smaller_set_opens_nothing(tmp_path: Path, clean: RunFolder, opened: list[str]) -> None:
    run(tmp_path, RANDOM, "dataset.n=10")
    opened.clear()
    small = run(tmp_path, RANDOM, "dataset.n=6", "engine.shard_size=4")
    assert opened == []
    for key, table in rows(small).items():
        assert table == rows(clean)[key].slice(0, 6)


@pytest.mark.full
def test_what_the_other_run_lacks_is_computed_for_all_images(
    tmp_path: Path, clean: RunFolder, opened: list[str]
) -> None:
    run(tmp_path, RANDOM, "dataset.n=6")
    opened.clear()
    more = run(tmp_path, RANDOM, "dataset.n=10", "method=[fullbox,gradcam,layercam]", "protocol=[choe2020_v1,exact]")
    assert sorted(opened) == ids(0, 10)
    found = rows(more)
    for key, table in rows(clean).items():
        assert found[key].select(table.column_names) == table
    assert "exact/iou" in found["gradcam@stage5"].column_names
    assert len(found["layercam@stage5"]) == 10


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    "other",
    ["dataset.seed=1", "dataset.texture=0.5", "dataset.split=val", "seed=1", "view=centre", "engine.precision=float64"],
)
def test_other_images_and_other_runs_share_nothing(other: str, tmp_path: Path, opened: list[str]) -> None:
    run(tmp_path, RANDOM, "dataset.n=2")
    opened.clear()
    run(tmp_path, RANDOM, "dataset.n=4", other)
    assert len(opened) == 4


def test_of_files_those_are_the_same_whose_facts_and_length_are(tmp_path: Path, opened: list[str]) -> None:
    rng, lines = np.random.default_rng(0), ["image_id,label,x0,y0,x1,y1"]
    for name in "abcde":
        PIL.Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).save(tmp_path / f"{name}.png")
        lines.append(f"{name}.png,1,5,5,20,20")
    annotations = tmp_path / "boxes.csv"
    annotations.write_text("\n".join(lines))
    folder = (f"dataset.images={tmp_path}", f"dataset.annotations={annotations}", "dataset=folder")
    run(tmp_path / "runs", RANDOM, *folder, "dataset.limit=3")
    opened.clear()
    PIL.Image.new("RGB", (40, 30)).save(tmp_path / "b.png")
    annotations.write_text("\n".join(lines).replace("c.png,1,5", "c.png,1,6"))
    run(tmp_path / "runs", RANDOM, *folder)
    assert sorted(opened) == ["b.png", "c.png", "d.png", "e.png"]


@pytest.mark.full
def test_weights_are_known_by_what_they_are_and_not_by_their_files_name(tmp_path: Path, opened: list[str]) -> None:
    module = load_classifier("shapes_gap", weights="random").module
    for name in ("one", "two"):
        torch.save(module.state_dict(), tmp_path / f"{name}.pth")
    with torch.no_grad():
        next(module.parameters()).mul_(2)
    torch.save(module.state_dict(), tmp_path / "other.pth")
    first = run(tmp_path, "dataset.n=4", f"model.weights={tmp_path / 'one.pth'}")
    opened.clear()
    assert run(tmp_path, "dataset.n=4", f"model.weights={tmp_path / 'two.pth'}").path == first.path
    assert opened == []
    run(tmp_path, "dataset.n=6", f"model.weights={tmp_path / 'two.pth'}")
    assert sorted(opened) == ids(4, 6)
    opened.clear()
    assert run(tmp_path, "dataset.n=4", f"model.weights={tmp_path / 'other.pth'}").path != first.path
    assert sorted(opened) == ids(0, 4)
