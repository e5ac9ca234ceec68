"""`wsol list`: every kind of thing that an error message may send people to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wsol.cli import main
from wsol.cli.list import KINDS
from wsol.environment import conf_dir
from wsol.methods._base import methods


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "layers"])
def test_every_kind_has_names(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", kind, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = [row[kind.removesuffix("s")] for row in rows]
    assert len(set(names)) == len(names) > 0


def test_methods_are_the_registry_the_presets_and_the_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "methods", "--json"]) == 0
    rows = {row["method"]: row for row in json.loads(capsys.readouterr().out)}
    presets = {path.stem for path in (conf_dir() / "method").glob("*.yaml")}
    assert presets >= {"layercam_fused", "scorecam_official", "opticam_authors"}
    assert rows.keys() == {*methods, *presets, "all", "cheap", "fast", "paper"}
    assert rows["layercam"] == {
        "method": "layercam",
        "name": "LayerCAM",
        "paper": "Jiang et al.",
        "year": 2021,
        "needs": "activations gradients",
        "layers": "last",
        "cost": "1F + 1B",
    }


def test_layers_come_with_their_stage_and_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "layers", "model=shapes_vgg", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    stages = [(row["stage"], row["height"], row["width"]) for row in rows if row["stage"]]
    assert [stage for stage, _, _ in stages] == [f"stage{n}" for n in range(1, 6)]
    assert [height for _, height, _ in stages] == sorted((height for _, height, _ in stages), reverse=True)
    assert main(["list", "layers", "model=resnet18[weights=random,input_size=64]", "--json"]) == 0
    assert {"layer": "layer4", "stage": "stage5", "channels": 512, "height": 2, "width": 2} in json.loads(
        capsys.readouterr().out
    )


@pytest.mark.full
def test_benchmarks_say_how_many_of_their_numbers_can_be_computed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "benchmarks", "--json"]) == 0
    rows = {row["benchmark"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["choe2020"] == {"benchmark": "choe2020", "paper": "Choe et al.", "cells": 123, "with ours": 63}


def test_data_sets_are_the_readers_and_the_choices_in_conf(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "datasets", "--json"]) == 0
    rows = {row["dataset"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"shapes", "folder", "coco", "wsolevaluation", "ilsvrc", "cub", "openimages"} <= rows.keys()
    assert "background_correlation" in rows["shapes"]["options"]
    assert all(row["about"] for row in rows.values())


def test_data_sets_that_are_found_on_this_machine_are_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ILSVRC").mkdir()
    (tmp_path / "metadata/ILSVRC/test").mkdir(parents=True)
    (tmp_path / "CUB").mkdir()
    assert main(["list", "datasets", f"paths.data={tmp_path}", "--json"]) == 0
    found = {row["dataset"]: row["found"] for row in json.loads(capsys.readouterr().out)}
    assert found["ilsvrc"] == f"{tmp_path}/ILSVRC"
    assert found["cub"] == f"no: {tmp_path}/metadata/CUB/test"
    assert found["openimages"] == f"no: {tmp_path}/OpenImages"
    assert found["shapes"] == "yes, drawn"
    assert found["folder"] == "give dataset.images, dataset.annotations"


def test_only_paths_say_where_data_sets_are_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "datasets", "dataset=cub"]) == 2
    assert "wsol list datasets takes paths.runs=DIR and paths.data=DIR, not dataset=cub" in capsys.readouterr().err


def test_choices_say_what_their_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "views"]) == 0
    assert "| squash_centre | squash to 256/224 of the input, center crop " in capsys.readouterr().out
