"""``dataset=PATH``: every layout is read as what it is, with nothing else said."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.datasets import trees
from tests.datasets.trees import TREES
from wsol.cli import main
from wsol.datasets.base import datasets
from wsol.datasets.recognition import guesses
from wsol.datasets.selection import OfSize
from wsol.datasets.tree import TreeDataset
from wsol.environment import conf_dir
from wsol.errors import WsolError
from wsol.evaluation.build import load_dataset
from wsol.options import defaults
from wsol.settings import compose_settings
from wsol.settings.guess import with_formats
from wsol.settings.words import Word


@pytest.fixture(params=TREES)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """The reader that must be guessed, and the tree."""
    key, writer = TREES[request.param]
    writer(tmp_path / "data set, its own")
    return key, tmp_path / "data set, its own"


def test_a_layout_is_read_as_what_it_is(tree: tuple[str, Path]) -> None:
    key, root = tree
    (guess,) = guesses(root)
    assert guess.key == key
    node = {"name": guess.key, **guess.options}
    data = load_dataset(node)
    samples = data.samples()
    assert len(samples) >= 1
    for sample in samples:
        assert data.image(sample).size == sample.size_wh
        mask = data.mask(sample)
        assert mask is None or (mask.shape == sample.size_wh[::-1] and {*np.unique(mask)} <= {0, 1, 255})
        assert data.stamp(sample)
    assert [s.image_id for s in samples] == sorted({s.image_id for s in samples})
    assert data.fingerprint() == load_dataset(node).fingerprint()


def test_every_reader_of_files_is_guessed_from_some_tree() -> None:
    assert {key for key, _ in TREES.values()} == {*datasets} - {"shapes"}


def test_every_layout_has_parts(tree: tuple[str, Path]) -> None:
    """limit, classes and size work everywhere."""
    (guess,) = guesses(tree[1])
    node = {"name": guess.key, **guess.options}
    whole = load_dataset(node)
    samples = whole.samples()
    assert [s.image_id for s in load_dataset({**node, "limit": 1}).samples()] == [samples[0].image_id]
    label = samples[-1].label
    chosen = load_dataset({**node, "classes": [label]})
    assert [s.image_id for s in chosen.samples()] == [s.image_id for s in samples if s.label == label]
    assert f"Only classes {label}." in chosen.notes()
    assert chosen.fingerprint() != whole.fingerprint() or len(chosen.samples()) == len(samples)
    if whole.class_names:
        named = load_dataset({**node, "classes": [whole.class_names[label]]})
        assert [s.image_id for s in named.samples()] == [s.image_id for s in chosen.samples()]
    if all(len(s.boxes_xyxy) for s in samples):
        by_size = [OfSize(size, "share") for size in ("small", "medium", "large")]
        sizes = {part.size: [s.image_id for s in samples if part.has(s)] for part in by_size}
        assert sorted(i for some in sizes.values() for i in some) == [s.image_id for s in samples]
        for size, ids in sizes.items():
            if ids:
                part = load_dataset({**node, "size": size, "size_rule": "share"})
                assert [s.image_id for s in part.samples()] == ids
    else:
        with pytest.raises(WsolError, match="has no box to take a size from"):
            load_dataset({**node, "size": "small"}).samples()


def test_where_two_formats_fit_the_words_for_each_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.folder(tmp_path)
    trees.yolo(tmp_path)
    assert main(["run", f"dataset={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert f"dataset={tmp_path} can be read in 2 ways; choose one: " in said
    assert f"dataset=folder dataset.images={tmp_path}/images dataset.annotations={tmp_path}/boxes.csv" in said
    assert f"dataset=yolo dataset.root={tmp_path}" in said
    words = said.partition("choose one: ")[2].strip().split(" | ")
    assert len(words) == 2
    assert load_dataset(compose_settings(words[0].split(" "))["dataset"]).samples()


def test_a_path_of_no_known_format_or_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["run", f"dataset={tmp_path}/empty"]) == 2
    assert "is of no format that is known (class_folders, coco, cub, folder, imagenet" in capsys.readouterr().err
    assert main(["run", f"dataset={tmp_path}/empti"]) == 2
    assert f"nearest: '{tmp_path}/empty'" in capsys.readouterr().err


@pytest.mark.full
def test_a_run_over_a_path_prints_what_it_took_it_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trees.labelme(tmp_path / "mine")
    words = ["run", f"dataset={tmp_path / 'mine'}", "model=resnet18[weights=random,num_classes=2,input_size=32]"]
    method = ["method=[centerbox]", "metric=[]", "protocol=[choe2020_v2]", f"paths.runs={tmp_path / 'runs'}"]
    assert main([*words, *method, "dataset.size=small"]) == 0
    out, err = capsys.readouterr()
    assert f"is read as labelme: dataset=labelme dataset.root={tmp_path / 'mine'}" in err
    assert "Only small objects: by the area of the largest box, bounds at 32 x 32 and 96 x 96 pixels." in out


def test_a_guess_has_every_other_option_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "data set, its own"
    trees.voc(root)
    with caplog.at_level(logging.INFO):
        node = compose_settings([f"dataset={root}", "dataset.difficult=true", "dataset.split=train"])["dataset"]
    assert f"dataset={root} is read as voc: dataset=voc dataset.root={root}/VOCdevkit/VOC2012" in caplog.text
    assert (node["root"], node["difficult"], node["split"]) == (f"{root}/VOCdevkit/VOC2012", True, "train")


def test_a_file_is_a_path_too(tmp_path: Path) -> None:
    trees.coco(tmp_path)
    trees.folder(tmp_path)
    trees.parquet(tmp_path)
    file = tmp_path / "annotations" / "instances_train2017.json"
    options = {"images": str(tmp_path / "train2017"), "annotations": str(file)}
    assert [(g.key, g.options) for g in guesses(file)] == [("coco", options)]
    assert [g.key for g in guesses(tmp_path / "boxes.csv")] == ["folder"]
    table = tmp_path / "data" / "train-00000-of-00001.parquet"
    assert [(g.key, g.options) for g in guesses(table)] == [("parquet", {"root": str(table), "split": "train"})]


def test_a_name_is_never_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trees.folder(tmp_path / "shapes")
    trees.folder(tmp_path / "mine")
    read = {
        text: str(with_formats(Word.of(f"dataset={text}"))).partition("[")[0] for text in ("shapes", "mine", "./shapes")
    }
    assert read == {"shapes": "dataset=shapes", "mine": "dataset=folder", "./shapes": "dataset=folder"}


def test_several_paths_are_a_run_each(tmp_path: Path) -> None:
    from wsol.settings.compose import checked, hydra_app

    for name in ("a", "b"):
        trees.folder(tmp_path / name)
    with hydra_app():
        request = checked([f"dataset=[{tmp_path / 'a'},{tmp_path / 'b'}]"], lists=True)
    assert request.multirun
    assert request.together
    assert request.swept == {"dataset"}


def test_every_reader_of_a_layout_is_a_choice_with_a_place_of_its_own() -> None:
    stated = {yaml.safe_load(file.read_text())["name"] for file in (conf_dir() / "dataset").glob("*.yaml")}
    assert {key for key, reader in datasets.items() if issubclass(reader, TreeDataset)} | {"coco"} <= stated


@pytest.mark.parametrize("file", sorted((conf_dir() / "dataset").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_file_of_conf_states_every_option_of_its_reader(file: Path) -> None:
    """Else the command line could not set it."""
    stated = yaml.safe_load(file.read_text())
    reader = datasets[stated.pop("name")]
    about = stated.pop("about")
    assert len(json.dumps(about)) > 20
    assert stated.keys() == defaults(reader).keys()
