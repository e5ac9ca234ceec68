"""A search is its seed's: stopped and resumed, or with more trials, it is the same; ranges hold; ties and failures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from wsol.errors import ConfigError, OutputError
from wsol.settings import choices
from wsol.training.loop import Diverged
from wsol.training.recipe_file import Search, read_recipe
from wsol.training.search import Trial, best_of, run_search, space_of, spelled


def one(name: str, low: float | str = 0.0, high: float = 1.0, **more: Any) -> Search:
    plain = {"log": False, "whole": False, "choices": (), "technique": "", "source": "s", "certainty": "own choice"}
    return Search(name=name, low=low, high=high, **{**plain, **more})


SPACE = {
    "recipe.lr": one("lr", 1e-5, 1.0, log=True),
    "technique.l1": one("technique.l1"),
    "technique.h1": one("technique.h1", "technique.l1"),
    "technique.grid_size": one("technique.grid_size", 1, 224, whole=True),
    "model.grid": one("model.grid", choices=(14, 28)),
}


def objective(values: Mapping[str, Any], folder: Path) -> float:
    return 100 * float(values["technique.h1"])


def search(folder: Path, trials: int, evaluate: Any = objective, **more: Any) -> list[Trial]:
    return run_search(folder, SPACE, evaluate, **{"trials": trials, "seed": 0, "identity": "this", **more})


def test_two_trials_and_then_three_are_three_trials(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole", 3)
    first = search(tmp_path / "parts", 2)
    assert first == whole[:2]
    asked: list[str] = []

    def third(values: Mapping[str, Any], folder: Path) -> float:
        asked.append(folder.name)
        return objective(values, folder)

    assert search(tmp_path / "parts", 3, third) == whole
    assert asked == ["trial-002"], "those that are done are not done again"
    assert len({trial.values["recipe.lr"] for trial in whole}) == 3
    assert search(tmp_path / "other", 1, seed=1)[0].values != whole[0].values


def test_a_trial_that_was_stopped_is_done_again_in_its_folder(tmp_path: Path) -> None:
    drawn: list[tuple[Any, ...]] = []

    def stopping(values: Mapping[str, Any], folder: Path) -> float:
        drawn.append((dict(values), folder))
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return objective(values, folder)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, 2, stopping)
    assert len(search(tmp_path, 2, stopping)) == 2
    assert drawn[1] == drawn[2]


def test_values_are_in_their_ranges(tmp_path: Path) -> None:
    for trial in search(tmp_path, 12):
        values = trial.values
        assert 1e-5 <= values["recipe.lr"] <= 1
        assert 0 <= values["technique.l1"] <= values["technique.h1"] <= 1
        assert isinstance(values["technique.grid_size"], int)
        assert values["model.grid"] in (14, 28)


def test_a_trial_that_diverges_counts_as_the_worst(tmp_path: Path) -> None:
    def diverging(values: Mapping[str, Any], folder: Path) -> float:
        if folder.name == "trial-000":
            raise Diverged("the loss is nan")
        return 1.0

    first, second = search(tmp_path, 2, diverging)
    assert (first.objective, first.diverged, second.diverged) == (0.0, True, False)
    assert best_of([first, second]) == second


def test_the_first_of_ties_is_the_best() -> None:
    trials = [Trial(n, {"recipe.lr": 0.1}, value, False) for n, value in enumerate((1.0, 3.0, 3.0))]
    assert best_of(trials).number == 1
    assert spelled({"recipe.lr": 1.25e-05, "model.grid": 14}) == "model.grid=14 recipe.lr=1.25e-05"


def test_a_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    search(tmp_path, 1)
    with pytest.raises(OutputError, match=r"holds another search \(this, here that\); give another out=DIR"):
        search(tmp_path, 1, identity="that")


def test_what_is_searched_depends_on_the_technique() -> None:
    file, _ = read_recipe("choe2020_cub", choices.content("recipe", "choe2020_cub"))
    assert [*space_of(file.search, "cam", file.name)] == ["recipe.lr", "model.grid"]
    assert {*space_of(file.search, "adl", file.name)} - {"recipe.lr", "model.grid"} == {
        "technique.threshold",
        "technique.drop_rate",
    }
    assert len(space_of(file.search, "spg", file.name)) == 8
    with pytest.raises(ConfigError, match="recipe mine has no search for technique=cam"):
        space_of((), "cam", "mine")
