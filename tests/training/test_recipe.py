"""Every recipe's file keeps one schema, has the handbook's values, and says where each is from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wsol.cli.train import settings_of
from wsol.errors import ConfigError
from wsol.models.registered import models
from wsol.settings import choices
from wsol.training.recipe import Recipe
from wsol.training.recipe_file import CERTAINTIES, RecipeFile, Value, read_recipe, rows_of, settle
from wsol.training.technique import techniques

NAMES = choices.config_names("recipe")
TECHNIQUES = ("cam", "has", "acol", "spg", "adl", "cutmix")
NETWORKS = ("vgg16_gap", "resnet50_gap", "inceptionv3_gap")


def file_of(name: str) -> RecipeFile:
    file, given = read_recipe(name, choices.content("recipe", name))
    assert given == {}, "a value without source and certainty"
    return file


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_the_schema(name: str) -> None:
    file = file_of(name)
    assert file.about
    assert rows_of(file)
    for row in rows_of(file):
        assert row["source"], f"{row['name']} has no source"
        assert row["certainty"] in CERTAINTIES
    for case in file.cases:
        assert {*case.model} <= {*models}
        assert {*case.technique} <= {*techniques}
        for key in case.values:
            check_option(key, case.technique)
    for search in file.search:
        check_option(search.name, (search.technique,) if search.technique else ())


def check_option(key: str, of: tuple[str, ...]) -> None:
    if key.startswith("technique."):
        for technique in of:
            assert key.partition(".")[2] in techniques[technique].__dataclass_fields__
        assert of, f"{key} is an option of which technique?"


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_settles_for_its_technique(name: str) -> None:
    file = file_of(name)
    model = next((model for case in file.cases for model in case.model), "shapes_gap")
    technique = str(file.values["technique"].value) if "technique" in file.values else "cam"
    recipe, facts, _ = settle(file, {}, model=model, technique=technique)
    assert recipe.epochs >= 1
    assert all(isinstance(fact, Value) for fact in facts.values())


CUB: dict[tuple[str, str], dict[str, Any]] = {  # handbook/data.md 4, typed anew
    ("vgg16_gap", "cam"): {"lr": 0.00001268269, "model.grid": 14},
    ("resnet50_gap", "cam"): {"lr": 0.00023222617, "model.grid": 28},
    ("inceptionv3_gap", "cam"): {"lr": 0.00224844746, "model.grid": 28},
    ("vgg16_gap", "has"): {"lr": 0.00142891848, "technique.grid_size": 65, "technique.drop_rate": 0.47},
    ("resnet50_gap", "has"): {"lr": 0.00361996526, "technique.grid_size": 120, "technique.drop_rate": 0.66},
    ("inceptionv3_gap", "has"): {"lr": 0.01400558066, "technique.grid_size": 170, "technique.drop_rate": 0.26},
    ("vgg16_gap", "acol"): {"lr": 0.00010569582, "technique.threshold": 0.89},
    ("resnet50_gap", "acol"): {"lr": 0.00001700073, "technique.threshold": 0.57},
    ("inceptionv3_gap", "acol"): {"lr": 0.00658832165, "technique.threshold": 0.79},
    ("vgg16_gap", "adl"): {"lr": 0.00002430601, "technique.threshold": 0.72, "technique.drop_rate": 0.33},
    ("resnet50_gap", "adl"): {"lr": 0.01253438325, "technique.threshold": 0.76, "technique.drop_rate": 0.24},
    ("inceptionv3_gap", "adl"): {"lr": 0.00038655054, "technique.threshold": 0.86, "technique.drop_rate": 0.69},
    ("vgg16_gap", "cutmix"): {"lr": 0.00003220934, "technique.beta": 0.85, "technique.probability": 0.79},
    ("resnet50_gap", "cutmix"): {"lr": 0.0003333722, "technique.beta": 1.35, "technique.probability": 0.24},
    ("inceptionv3_gap", "cutmix"): {"lr": 0.00225171726, "technique.beta": 0.04, "technique.probability": 0.30},
    ("vgg16_gap", "spg"): {"lr": 0.00012558923, "technique.h1": 0.29, "technique.l1": 0.23, "technique.l3": 0.59},
    ("resnet50_gap", "spg"): {"lr": 0.00004521947, "technique.h2": 0.24, "technique.l2": 0.21, "technique.h3": 0.12},
    ("inceptionv3_gap", "spg"): {"lr": 0.0003360682, "technique.h1": 0.28, "technique.l2": 0.03, "technique.l3": 0.31},
}


@pytest.mark.parametrize(("model", "technique"), CUB, ids="-".join)
def test_cub_has_the_handbooks_values(model: str, technique: str) -> None:
    recipe, _, others = settle(file_of("choe2020_cub"), {}, model=model, technique=technique)
    expected = dict(CUB[model, technique])
    assert recipe.lr == pytest.approx(expected.pop("lr"), rel=1e-9)
    assert others.items() >= expected.items()
    assert (recipe.epochs, recipe.decay_at, recipe.batch, recipe.resize, recipe.crop) == (
        50,
        (15, 30, 45),
        32,
        256,
        224,
    )
    assert recipe.weight_decay == (1e-4 if model == "resnet50_gap" else 5e-4)
    assert (recipe.keep, recipe.optimizer, recipe.momentum, recipe.nesterov) == ("last", "sgd", 0.9, True)


OTHERS = {
    ("imagenet", "vgg16_gap"): 1.654502e-5,
    ("imagenet", "resnet50_gap"): 3.108411e-5,
    ("imagenet", "inceptionv3_gap"): 3.606503e-4,
    ("openimages", "vgg16_gap"): 3.4052401e-4,
    ("openimages", "resnet50_gap"): 1.07117324e-3,
    ("openimages", "inceptionv3_gap"): 3e-4,
}


@pytest.mark.parametrize(("data", "model"), OTHERS, ids="-".join)
def test_the_other_sets_have_cams_rates_alone(data: str, model: str) -> None:
    file = file_of(f"choe2020_{data}")
    recipe, _, others = settle(file, {}, model=model, technique="cam")
    assert recipe.lr == pytest.approx(OTHERS[data, model], rel=1e-9)
    assert (recipe.epochs, recipe.decay_at) == (10, (3, 6, 9))
    assert others["model.grid"] == (
        14 if model == "vgg16_gap" or (data, model) == ("openimages", "resnet50_gap") else 28
    )
    for technique in TECHNIQUES[1:]:
        with pytest.raises(
            ConfigError, match=rf"has no lr for technique={technique} on {model}: no public source.*lr="
        ):
            settle(file, {}, model=model, technique=technique)
        assert settle(file, {"lr": 0.5}, model=model, technique=technique)[0].lr == 0.5


@pytest.mark.parametrize(
    ("key", "certainty"),
    [
        (("vgg16_gap", "cam", "lr"), "several sources"),
        (("vgg16_gap", "has", "lr"), "contradictory"),
        (("resnet50_gap", "cutmix", "technique.beta"), "several sources"),
        (("resnet50_gap", "cutmix", "technique.probability"), "contradictory"),
        (("inceptionv3_gap", "spg", "lr"), "probable"),
    ],
)
def test_certainty_is_the_handbooks(key: tuple[str, str, str], certainty: str) -> None:
    model, technique, name = key
    assert file_of("choe2020_cub").chosen(model, technique)[name].certainty == certainty


def test_what_a_user_gives_comes_first_and_a_case_before_the_file() -> None:
    record = {"source": "here", "certainty": "own choice"}
    node = {"lr": {"value": 1.0, **record}, "batch": {"value": 8, **record}, "epochs": {"value": 1, **record}}
    node |= {"crop": {"value": 8, **record}, "resize": 9}
    node |= {"cases": [{"when": {"model": "a"}, "lr": {"value": 2.0, **record}, "batch": {"value": 4, **record}}]}
    file, given = read_recipe("mine", node)
    assert given == {"resize": 9}
    assert [settle(file, {**given, "batch": 2}, model=m, technique="cam")[0].lr for m in "ab"] == [2.0, 1.0]
    recipe, facts, _ = settle(file, {**given, "batch": 2}, model="a", technique="cam")
    assert recipe.batch == 2
    assert facts["batch"].source == "given"


RECORD = {"source": "s", "certainty": "own choice"}


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ({"lrr": {"value": 1, **RECORD}}, r"there is no value of a recipe 'recipe.lrr'; nearest: 'recipe.lr'"),
        ({"lr": {"value": 1.0, "certainty": "probable"}}, r"recipe mine, lr has no source; a value needs"),
        (
            {"lr": {"value": 1.0, "source": "s", "certainty": "sure"}},
            r"there is no certainty in recipe mine, lr 'sure'",
        ),
        ({"lr": {"value": "much", **RECORD}}, r"recipe mine, lr='much' is not valid; expected float"),
        ({"cases": [{"when": {"modle": "a"}}]}, r"there is no condition in recipe mine 'modle'; nearest: 'model'"),
        ({"peace.x": {"value": 1, **RECORD}}, r"may set options of technique, model, dataset, not peace.x"),
        ({"search": [{"name": "lr", "low": 1, "high": 0, **RECORD}]}, r"search: lr: 1 to 0.0 is not a range"),
    ],
)
def test_a_file_that_is_wrong_says_where(node: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_recipe("mine", node)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"fast": ("a",), "slow": ("b",)}, "give one of them"),
        ({"keep": "best", "check": "none"}, "recipe.keep=best needs an accuracy"),
        ({"crop": 200}, "recipe.crop=200 is more than recipe.resize=128"),
        ({"resize": None}, "recipe.resize=null needs recipe.crop_rule=random_resized"),
    ],
)
def test_values_that_contradict_each_other_are_refused(values: dict[str, Any], sentence: str) -> None:
    plain = {"epochs": 1, "batch": 1, "lr": 1.0, "resize": 128, "crop": 128}
    with pytest.raises(ConfigError, match=sentence):
        Recipe(**{**plain, **values})


@pytest.mark.full
def test_a_users_own_recipe_works(tmp_path: Path) -> None:
    text = Path(str(choices.config_file("recipe", "finetune"))).read_text().replace("value: 30", "value: 7")
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "mine.yaml").write_text(text)
    choices.use(folders=[str(tmp_path)])
    try:
        node = settings_of(["recipe=mine", "dataset=shapes", "model=resnet18", "out=o", "recipe.lr=0.5"])["recipe"]
    finally:
        choices.use()
    file, given = read_recipe(node["name"], node)
    assert (file.values["epochs"].value, given) == (7, {"lr": 0.5})


def test_showing_a_recipe_loads_no_torch() -> None:
    code = (
        "import sys; from wsol.cli import main; assert main(['show', 'recipe', 'choe2020_cub']) == 0; "
        "assert 'torch' not in sys.modules"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "1.268269e-05" in shown
    assert "several sources" in shown
