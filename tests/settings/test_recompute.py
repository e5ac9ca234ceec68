"""Settings as words: composing them again gives the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsol.evaluation.build import experiment_from
from wsol.settings import choices, compose_settings
from wsol.settings.recompute import recomputing

GROUPS = ("dataset", "model", "view", "seed", "classifier")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["experiment=ablate_layers", "dataset.limit=7"],
        ["dataset.n=50", "dataset.classes=[1,2]", "dataset.scales=[0.2,0.5]", "seed=3", "engine.shard_size=25"],
        ["model=shapes_vgg", "view=tencrop", "model.weights=random", "engine.precision=bfloat16"],
        ["view=centre", "view.side=96", "engine.batch_size=8", "classifier='shapes_vgg[view=centre]'"],
    ],
)
def test_the_words_compose_to_the_same_settings(words: list[str]) -> None:
    settings = compose_settings(words)
    again = compose_settings(recomputing(settings)["words"])
    assert {name: again[name] for name in GROUPS} == {name: settings[name] for name in GROUPS}
    decisive = ("precision", "compile", "tf32", "batch_size", "shard_size")
    assert {name: again["engine"][name] for name in decisive} == {name: settings["engine"][name] for name in decisive}


def test_only_what_differs_from_the_defaults_is_said() -> None:
    made = recomputing(compose_settings(["experiment=ablate_gamma"]))
    assert made == {
        "words": ["dataset=shapes", "dataset.limit=200", "model=shapes_gap", "view=squash"],
        "files": [],
    }


def test_the_run_folder_has_the_same_name() -> None:
    settings = compose_settings(["dataset.n=12", "dataset.texture=0.5", "method=[gradcam]", "metric=[]"])
    words = recomputing(settings)["words"]
    one, other = (experiment_from(s) for s in (settings, compose_settings([*words, "method=[cam]", "metric=[]"])))
    assert one.folder_name == other.folder_name


def test_files_that_the_words_name_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "my weights.pth"
    weights.touch()
    words = ["dataset=folder", "dataset.images=/nowhere/a,b", "dataset.annotations=c.csv", "model=resnet18"]
    made = recomputing(compose_settings([*words, f"model.weights={weights}"]))
    assert made["files"] == ["/nowhere/a,b", "c.csv", str(weights)]
    assert compose_settings(made["words"])["model"]["weights"] == str(weights)
    named = recomputing(compose_settings([*words, "model.weights=random"]))
    assert named["files"] == ["/nowhere/a,b", "c.csv"]
    settings = compose_settings([])
    monkeypatch.setattr(choices, "_sources", choices.Sources(("/home/me/my_cam.py",), ()))
    outside = recomputing(settings)
    assert outside["words"][:2] == ["--with", "/home/me/my_cam.py"]
    assert outside["files"] == ["/home/me/my_cam.py"]
