"""Words of a command line become checked settings."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from wsol.cli import main
from wsol.errors import ConfigError, WsolError
from wsol.settings import choices, compose_settings
from wsol.settings.words import RECORDS, Word, holds_path, is_setting

SPECIAL = [
    "a=b",
    "a, b",
    "[a]",
    "{a}",
    "it's",
    'say "x"',
    "a b",
    "ünï (1)",
    "$a",
    "a\\",
    "'a'b",
    "100%",
    "~a",
    "a:b",
    "true",
]


@pytest.fixture(autouse=True)
def no_sources() -> object:
    yield
    choices.use()


@pytest.mark.default_cases(6)
@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize(
    "key", ["paths.runs", "paths.data", "dataset.images", "dataset.annotations", "model.weights", "model.text"]
)
def test_a_path_may_have_any_letter(key: str, name: str, tmp_path: Path) -> None:
    words = ["dataset=folder"] if key.startswith("dataset") else []
    group, _, option = key.partition(".")
    assert compose_settings([*words, f"{key}={tmp_path / name}"])[group][option] == str(tmp_path / name)


def test_fields_of_type_path_are_the_paths() -> None:
    records = [("dataset", reader) for reader in choices.registered("dataset").values()] + [*RECORDS.items()]
    names = [f"{group}.{f.name}" for group, record in records for f in fields(record)]
    paths = {name for name in names if holds_path(Word("", name, ""))}
    assert paths == {
        *(f"dataset.{name}" for name in ("images", "annotations", "metadata", "masks", "root", "names", "categories")),
        "dataset.cache",
        *(f"paths.{name}" for name in ("runs", "data")),
        *(f"model.{name}" for name in ("weights", "classes", "text")),
    }


def test_no_path_is_no_path() -> None:
    assert compose_settings(["dataset=cub", "dataset.images=null"])["dataset"]["images"] is None


@pytest.mark.parametrize(
    ("word", "name", "options"),
    [
        ("layercam@stage3-5[gamma=2]", "layercam@stage3-5[gamma=2]", {"layers": "stage3+stage4+stage5", "gamma": 2}),
        ("[gradcam,layercam@stage4+5]", "layercam@stage4+5", {"layers": "stage4+stage5", "gamma": None}),
        ("layercam_fused@last-1+last", "layercam_fused@last-1+last", {"layers": "last-1+last", "gamma": 2.0}),
    ],
)
def test_methods_are_chosen_with_layers_and_options(word: str, name: str, options: dict[str, object]) -> None:
    entry = compose_settings([f"method={word}"])["methods"][name]
    assert entry["method"] == "layercam"
    assert {key: entry[key] for key in options} == options


@pytest.mark.parametrize("knob", ["normalise", "normalize"])
def test_knobs_are_known_by_both_spellings(knob: str) -> None:
    (spelled,) = compose_settings([f"protocol=choe2020_v2[{knob}=max]"])["protocols"].values()
    (short,) = compose_settings(["protocol=choe2020_v2", f"protocol.{knob}=max"])["protocols"].values()
    assert spelled == short
    assert spelled["normalise"] == "max"


def test_networks_and_datasets_are_chosen_with_options_too() -> None:
    settings = compose_settings(["model=resnet50[weights=/a/b,c.pth]", "dataset=cub[limit=8]", "view=squash[side=64]"])
    assert settings["model"]["weights"] == "/a/b,c.pth"
    assert (settings["dataset"]["name"], settings["dataset"]["limit"]) == ("cub", 8)
    assert settings["view"] == {"name": "squash", "side": 64, "merge": "sum"}


def test_names_that_stand_for_several_methods() -> None:
    fast, cheap, whole = (set(compose_settings([f"method={name}"])["methods"]) for name in ("fast", "cheap", "all"))
    assert fast < cheap < whole
    assert {"gradcam", "layercam", "centergauss"} <= fast
    assert "scorecam" in whole - cheap
    assert "liftcam" in cheap - fast
    paper = compose_settings(["method=[paper,lafam]"])["methods"]
    assert [*paper] == [
        "cam",
        "gradcam",
        "gradcam_pp",
        "smoothgradcam_pp",
        "scorecam",
        "ablationcam",
        "layercam",
        "lafam",
    ]
    mixed = compose_settings(["method=[all[sample=8],cheap[sample=50],gradcam]"])["methods"]
    assert [mixed[name]["sample"] for name in ("scorecam", "fem", "gradcam")] == [8, 50, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dataset=shapes", True),
        ("methods.x.y=1", True),
        ("~metric", True),
        ("foo=1", True),
        ("a=b.jpg", False),
        ("photo.jpg", False),
    ],
)
def test_words_that_set_something(text: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a=b.jpg").write_text("")
    assert is_setting(text) is expected


def test_a_folder_of_configuration_is_known_to_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "dataset").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nabout: my own\nseed: 7\n")
    (tmp_path / "dataset" / "few.yaml").write_text("about: a few shapes\nname: shapes\nn: 4\n")
    mine = ["--config-dir", str(tmp_path)]
    assert main(["run", *mine, "experiment=mine", "dataset=few", "--cfg", "job"]) == 0
    assert "seed: 7" in capsys.readouterr().out
    assert main(["list", "experiments", *mine]) == 0
    assert "| mine             | my own" in capsys.readouterr().out
    assert main(["show", "dataset", "few", *mine]) == 0
    assert "about: a few shapes" in capsys.readouterr().out
    assert main(["doctor", "dataset=few", *mine]) == 0
    assert "dataset shapes: 4 samples" in capsys.readouterr().out
    assert main(["run", *mine, "experiment=mein"]) == 2
    assert "nearest: 'mine'" in capsys.readouterr().err
    assert main(["run", "--help", *mine]) == 0
    assert " mine " in capsys.readouterr().out.replace("\n", " ")
    assert main(["run", "experiment=mine"]) == 2  # the next command knows nothing of it


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# @package _global_\nseed: [1\n", "slip.yaml:3: this is not valid YAML"),
        ("seed: 3\n", "the first line of an experiment's file must be '# @package _global_'"),
        ("# @package _global_\ndefaults:\n  - override /method: [gradcamm]\n", "gradcamm"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "slip.yaml").write_text(text)
    choices.use(folders=[str(tmp_path)])
    with pytest.raises(WsolError) as error:
        compose_settings(["experiment=slip"])
    assert said in str(error.value)


def test_a_folder_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="--config-dir nowhere: there is no such folder"):
        choices.use(folders=["nowhere"])
