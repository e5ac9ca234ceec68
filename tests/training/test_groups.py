"""Learning rates: which parameters learn ten times as fast on the networks of Choe et al., and when rates fall."""

from __future__ import annotations

import math

import pytest
import torch

from wsol.errors import ConfigError
from wsol.models.zoo import load_classifier
from wsol.settings import choices
from wsol.training.groups import groups_of, optimizer_of
from wsol.training.recipe import Recipe
from wsol.training.recipe_file import read_recipe, settle
from wsol.training.schedule import factor_at

PLAIN = {"epochs": 4, "batch": 1, "lr": 0.1, "resize": 8, "crop": 8}


def recipe(**values: object) -> Recipe:
    return Recipe(**{**PLAIN, **values})  # type: ignore[arg-type]


def choe(model: str, technique: str = "cam") -> Recipe:
    file, _ = read_recipe("choe2020_cub", choices.content("recipe", "choe2020_cub"))
    return settle(file, {}, model=model, technique=technique)[0]


def fast_parts(model: str, technique: str, head: str | None) -> set[str]:
    """First parts of the names of what learns ten times as fast, by the rule of clovaai/wsolevaluation's main.py."""
    module = load_classifier(model, weights="random", num_classes=3, **({"head": head} if head else {})).module
    slow, fast = groups_of(choe(model, technique), dict(module.named_parameters()), frozenset())
    assert {*slow.names, *fast.names} == {name for name, _ in module.named_parameters()}
    assert (slow.factor, fast.factor) == (1.0, 10.0)
    patterns = {
        "vgg16_gap": ["features."],
        "resnet50_gap": ["layer4.", "fc."],
        "inceptionv3_gap": ["Mixed", "Conv2d_1", "Conv2d_2", "Conv2d_3", "Conv2d_4"],
    }[model]
    matches = {name for name, _ in module.named_parameters() if any(part in name for part in patterns)}
    assert (matches == {*fast.names}) if model == "resnet50_gap" else (matches == {*slow.names})
    return {name.partition(".")[0] for name in fast.names}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    ("model", "technique", "head", "fast"),
    [
        ("vgg16_gap", "cam", None, {"conv6", "fc"}),
        ("resnet50_gap", "cam", None, {"layer4", "fc"}),
        ("inceptionv3_gap", "cam", None, {"SPG_A3_1b", "SPG_A3_2b", "SPG_A4"}),
    ],
)
def test_the_faster_group_is_that_of_the_papers_code(
    model: str, technique: str, head: str | None, fast: set[str]
) -> None:
    assert fast_parts(model, technique, head) == fast


@pytest.mark.full
def test_quirks_of_the_papers_groups() -> None:
    """SPG's renamed layers of VGG16 learn fast, pretrained or not; ACoL's and SPG's heads on ResNet-50 don't."""
    assert {"SPG_A_1", "SPG_A_2"} <= fast_parts("vgg16_gap", "spg", "spg")
    assert fast_parts("resnet50_gap", "acol", "acol") == {"layer4"}
    assert fast_parts("resnet50_gap", "spg", "spg") == {"layer4"}


def test_the_optimizer_has_both_groups_and_the_decay() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    optimizer = optimizer_of(recipe(fast=("1.",), weight_decay=0.5), module, frozenset())
    rates = [
        (group["lr"], group["factor"], group["weight_decay"], len(group["params"])) for group in optimizer.param_groups
    ]
    assert rates == [(0.1, 1.0, 0.5, 2), (1.0, 10.0, 0.5, 2)]
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.defaults["momentum"], optimizer.defaults["nesterov"]) == (0.9, True)


def test_only_what_is_named_is_trained() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    optimizer = optimizer_of(recipe(train_only=("new",)), module, frozenset({"1.weight", "1.bias"}))
    assert [p.requires_grad for p in module.parameters()] == [False, False, True, True]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2


def test_a_name_that_no_parameter_has_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"recipe.fast=head.: no parameter has such a name; there is '0.weight'"):
        groups_of(recipe(fast=("head.",)), ["0.weight"], frozenset())


def test_steps_fall_before_the_epochs_that_are_named_counted_from_one() -> None:
    steps = choe("vgg16_gap")
    factors = [factor_at(steps, 10 * (epoch - 1) + step, 10) for epoch in range(1, 51) for step in (0, 9)]
    falls = [epoch for epoch in range(2, 51) if factors[2 * epoch - 2] != factors[2 * epoch - 3]]
    assert falls == [15, 30, 45], "as adjust_learning_rate(epoch + 1) of the paper's code"
    assert factors[-1] == pytest.approx(1e-3)
    assert factors[0] == 1.0


def test_onecycle_is_that_of_torch() -> None:
    module = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    expected = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20, pct_start=0.25)
    one = recipe(schedule="onecycle", warmup=0.8)  # torch rises for one step less than the share
    for step in range(20):
        assert 0.1 * factor_at(one, step, 5) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6), step
        optimizer.step()
        expected.step() if step < 19 else None


def test_cosine_falls_from_one_to_nothing_after_its_warmup() -> None:
    cosine = recipe(schedule="cosine", warmup=1.0)
    factors = [factor_at(cosine, step, 5) for step in range(20)]
    assert factors[:5] == sorted(factors[:5])
    assert max(factors) == factors[5] == 1.0
    assert factors[5:] == sorted(factors[5:], reverse=True)
    assert factors[-1] == pytest.approx(0.0, abs=1e-12)
    assert factors[12] == pytest.approx((1 + math.cos(math.pi / 2)) / 2)
