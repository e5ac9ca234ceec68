"""From a recipe to a row in a table: `wsol train`, `wsol run model=DIR`; and one sentence for what can't be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import safetensors
import safetensors.torch
import torch

from tests.training.small import WORDS
from wsol.cli import main
from wsol.errors import ModelError
from wsol.models.trained import read_record
from wsol.models.zoo import load_classifier


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "my cam"
    assert main(["train", *WORDS, "recipe.epochs=1", "technique=has", "technique.drop_rate=0.25", f"out={out}"]) == 0
    return out


def test_the_file_says_what_it_is(trained: Path) -> None:
    record = read_record(trained)
    assert record is not None
    assert (record.recipe, record.technique, record.dataset, record.seed) == (
        "shapes",
        "has[drop_rate=0.25,grid_size=16]",
        "shapes",
        0,
    )
    assert (record.built.network, record.built.num_classes, record.built.input_size) == ("shapes_gap", 10, 32)
    assert record.class_names[:2] == ("disc", "square") or len(record.class_names) == 10
    assert record.accuracy is not None
    assert record.accuracy_on == "shapes, split val (20 images)"


def test_the_card_has_data_recipe_and_accuracy(trained: Path) -> None:
    card = (trained / "README.md").read_text()
    record = read_record(trained)
    assert record is not None
    for part in (
        "shapes, split train: 20 images of 10 classes",
        "technique: has[drop_rate=0.25,grid_size=16]; recipe: shapes; seed 0",
        f"top-1 accuracy: {record.accuracy:.2f} % on shapes, split val (20 images)",
        "| epochs | 1 | own choice | given on the command line |",
        "| dataset.n | 20 | own choice | given on the command line |",
        "| optimizer | adamw | own choice | scripts/train_shapes.py |",
    ):
        assert part in card


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("of_folder", [True, False])
def test_a_run_takes_it_as_it_is(
    of_folder: bool, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = trained if of_folder else trained / "model.safetensors"
    words = ["dataset=shapes", "dataset.limit=4", "method=[centergauss,cam]", "metric=[]", "protocol=choe2020_v2"]
    assert main(["run", f"model={place}", *words, "gallery=0", "--runs", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "cam@stage5" in printed
    assert "shapes_gap, weights shapes[has[drop_rate=0.25,grid_size=16]]:" in printed
    assert "view squash32" in printed


def test_all_ways_to_load_it_give_the_same_network(trained: Path) -> None:
    file = trained / "model.safetensors"
    ways = [
        load_classifier(str(trained)),
        load_classifier(str(file)),
        load_classifier("trained", weights=str(file)),
        load_classifier("shapes_gap", weights=str(file)),
    ]
    assert len({way.weights_id for way in ways}) == 1
    assert {(way.name, way.input_size, len(way.class_names)) for way in ways} == {("shapes_gap", 32, 10)}
    state = safetensors.torch.load_file(file)
    assert all(torch.equal(value, state[key]) for key, value in ways[0].module.state_dict().items())


@pytest.mark.full
def test_options_that_it_was_not_trained_with_are_refused(tmp_path: Path) -> None:
    words = [w for w in WORDS if not w.startswith("model")]
    words += ["model=shapes_vgg_gap", "model.weights=random", "model.grid=8", "recipe.epochs=1", "technique=acol"]
    assert main(["train", *words, "model.input_size=32", f"out={tmp_path}"]) == 0
    file = str(tmp_path / "model.safetensors")
    assert type(load_classifier("shapes_vgg_gap", weights=file).module).__name__
    record = read_record(file)
    assert record is not None
    assert record.built.options == {"grid": 8, "head": "acol"}
    with pytest.raises(ModelError, match=r"were trained with model.grid=8, not 16; leave model.grid out"):
        load_classifier("shapes_vgg_gap", weights=file, grid=16)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of a user's in one folder per class."""
    root = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(0)
    for name, level in (("cats", 60), ("dogs", 190)):
        (root / name).mkdir()
        for number in range(6):
            noise = draw.integers(-40, 40, (40, 50, 3)) + level
            PIL.Image.fromarray(noise.astype(np.uint8)).save(root / name / f"{number}.png")
    return root


def test_any_network_is_fine_tuned_on_a_folder_of_classes(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = load_classifier("squeezenet1_1", weights="random").module.state_dict()
    safetensors.torch.save_file(state, tmp_path / "start.safetensors")
    words = [
        "recipe=finetune",
        f"dataset={folders}",
        "model=squeezenet1_1",
        f"model.weights={tmp_path / 'start.safetensors'}",
    ]
    small = ["recipe.epochs=1", "recipe.resize=72", "recipe.crop=64", "engine.device=cpu", "engine.threads=1"]
    assert main(["train", *words, *small, "recipe.cache=true", f"out={tmp_path / 'out'}"]) == 0
    assert "2 parameters start anew, first classifier.1.bias" in capsys.readouterr().err
    record = read_record(tmp_path / "out")
    assert record is not None
    assert record.class_names == ("cats", "dogs")
    assert record.accuracy_on == "2 held-out images of class_folders"
    assert load_classifier(str(tmp_path / "out")).num_classes == 2


FOLDER = ("recipe=finetune", "dataset.root=x")
SENTENCES = [
    (["dataset=shapes", "model=shapes_gap", "out=o"], r"say which recipe: recipe=NAME"),
    (["recipe=shapes", "model=shapes_gap", "out=o"], r"say which dataset: dataset=NAME"),
    (["recipe=shapes", "dataset=shapes", "model=shapes_gap"], r"say where the training goes: out=DIR"),
    (["recipe=shape", "dataset=shapes", "model=shapes_gap", "out=o"], r"there is no recipe 'shape'; nearest: 'shapes'"),
    ([*WORDS, "out=o", "recipe.epoch=1"], r"there is no option 'recipe.epoch'; nearest: 'recipe.epochs'"),
    ([*WORDS, "out=o", "recipe.epochs=many"], r"recipe.epochs='many' is not valid; expected int"),
    ([*WORDS, "out=o", "technique=hass"], r"there is no technique 'hass'; nearest: 'has'"),
    (
        [*WORDS, "out=o", "technique=has", "technique.drop=1"],
        r"there is no option 'technique.drop'; nearest: 'technique.drop_rate'",
    ),
    (
        [*WORDS, "out=o", "technique=acol"],
        r"needs a network with model.head=acol, and shapes_gap has no such option; take one of .*vgg16_gap",
    ),
    ([*WORDS, "out=o", "method=cam"], r"method=cam: training takes no method; evaluate the weights with wsol run"),
    (
        [*WORDS, "out=o", "train_split=trian"],
        r"train_split=trian: there is no split of shapes 'trian'; nearest: 'train'",
    ),
    ([*WORDS, "out=o", "val_split=train"], r"val_split=train is what is trained on"),
    ([*WORDS, "out=o", "model.num_classes=3"], r"model.num_classes=3, but dataset shapes has label 9"),
    ([*WORDS, "out=o", "model.weights=there/is/none.pth"], r"there is no weights file 'there/is/none.pth'"),
]


@pytest.mark.default_cases(5)
@pytest.mark.parametrize(("words", "sentence"), SENTENCES, ids=[str(n) for n in range(len(SENTENCES))])
def test_what_cannot_be_trained_says_so_in_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(sentence, last), last
    assert not (tmp_path / "o" / "model.safetensors").exists()


def test_a_refused_value_leaves_the_folder_to_the_corrected_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", *WORDS, "recipe.epochs=1", f"out={tmp_path / 'out'}"]
    assert main([*words, "recipe.train_only=[nope]"]) == 2
    assert "recipe.train_only=nope: no parameter has such a name" in capsys.readouterr().err
    assert main(words) == 0
    assert main([*words, "seed=3"]) == 2
    assert "holds the training of another run (seed is 0 there, 3 here)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "said"),
    [("method=nope", "no method 'nope'"), ("protocol=nope", "no protocol 'nope'"), ("metric=nope", "no metric 'nope'")],
)
def test_what_trials_are_scored_by_is_checked_before_anything_is_written(
    word: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["tune", *WORDS, word, "recipe.trials=1", f"out={out}"]) == 2
    assert f"there is {said}" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.full
def test_a_data_set_without_a_train_split_says_so(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "tree"
    for split in ("train", "val"):
        (tree / split).mkdir(parents=True)
        for name in ("cats", "dogs"):
            (tree / split / name).symlink_to(folders / name)
    words = ["recipe=finetune", f"dataset={tree}", "model=shapes_gap", "model.weights=random", "dataset.outside=true"]
    assert main(["train", *words, "train_split=test", f"out={tmp_path / 'o'}"]) == 2
    assert "dataset.split=test: there is no folder" in capsys.readouterr().err


def test_a_run_takes_no_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "recipe=shapes"]) == 2
    assert "recipe is for wsol train, which writes weights" in capsys.readouterr().err


@pytest.mark.full
def test_a_search_resumes_and_ends_with_the_best_overrides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tune", *WORDS, "recipe.epochs=1", f"out={tmp_path / 'tuned'}"]
    assert main([*words, "recipe.trials=1"]) == 0
    first = capsys.readouterr().out
    assert main([*words, "recipe.trials=2"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("trial 2 of 2") == 1
    assert "trial 1 of 2" not in captured.err, "it is done"
    assert first.splitlines()[2] == captured.out.splitlines()[2], "the first trial's row"
    assert "Best of 2: trial" in captured.out
    assert captured.out.splitlines()[-1].startswith("recipe.lr=")
    assert main([*words, "recipe.trials=2", "seed=1"]) == 2
    assert "holds another search" in capsys.readouterr().err


@pytest.mark.full
def test_a_search_never_reads_the_test_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("test", "train"):
        assert main(["tune", *WORDS, f"val_split={split}", f"out={tmp_path}"]) == 2
        assert f"val_split={split}: choose on another split" in capsys.readouterr().err


def test_recipes_and_techniques_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, name in (("recipe", "choe2020_cub"), ("technique", "has")):
        assert main(["list", f"{kind}s", "--json"]) == 0
        assert name in {row[kind] for row in json.loads(capsys.readouterr().out)}
        assert main(["show", kind, name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[kind] == name
    assert main(["show", "recipe", "choe2020_cbu"]) == 2
    assert "there is no recipe 'choe2020_cbu'; nearest: 'choe2020_cub'" in capsys.readouterr().err


def test_a_file_without_a_record_says_how_to_load_it(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "plain.safetensors")
    with pytest.raises(ModelError, match=r"does not say which network it is of; give model=NAME model.weights="):
        load_classifier("trained", weights=str(tmp_path / "plain.safetensors"))
