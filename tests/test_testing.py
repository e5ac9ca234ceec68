"""Each rule of the contract finds the method that breaks it, and only such."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from tests.methods.nets import TinyGAP, make_images, make_net
from wsol import testing as contract
from wsol.methods._base import MethodInfo, _stated, method, methods
from wsol.methods._features import LayerFeatures
from wsol.testing import RULES, Trial


@dataclass(frozen=True)
class Sound:
    """Sound: the mean of the activations.

    M = mean_k A_k
    """

    info: ClassVar[MethodInfo] = replace(methods["lafam"].info, title="Sound")

    def __call__(self, features: LayerFeatures) -> Tensor:
        return features.activations.mean(1)


class Untitled(Sound):
    info = replace(Sound.info, summary="")


class WithoutFormula(Sound):
    info = replace(Sound.info, formula="the mean of the activations")


@dataclass(frozen=True)
class WithoutHelp(Sound):
    power: float = 1.0


class OneMap(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        return features.activations.mean((0, 1))


class NaNs(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        return super().__call__(features) / 0


class OfTheWholeBatch(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        return super().__call__(features) - features.activations.mean()


class OfTheChunk(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        return super().__call__(features) * features.query.chunk


class Global(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        return super().__call__(features) * torch.rand(1, dtype=torch.float64)


class Seeded(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        draws = [torch.rand(1, 1, generator=g, dtype=torch.float64) for g in features.generators()]
        return super().__call__(features) * torch.stack(draws)


class FlatFails(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        spread = features.images.amax((1, 2, 3)) - features.images.amin((1, 2, 3))
        return super().__call__(features) / spread[:, None, None]


class Overwrites(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        return features.activations.relu_().mul_(2).mean(1)


class OverwritesImages(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        features.images.zero_()
        return super().__call__(features)


class OverwritesTargets(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        features.targets.fill_(0)
        return super().__call__(features)


class GivesAView(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        return features.activations[:, 0]


class AsksInTrainMode(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        with torch.no_grad():
            return super().__call__(features) * features.query.module(features.images).mean()


class LeavesAHook(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        features.query.module.fc.register_forward_hook(lambda *_: None)
        return super().__call__(features)


class ChangesWeights(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        raw = super().__call__(features)
        with torch.no_grad():
            features.query.module.fc.bias.add_(1)
        return raw


class PutsGradients(Sound):
    def __call__(self, features: LayerFeatures) -> Tensor:
        with torch.enable_grad():
            features.query.module(features.images).sum().backward()
        return super().__call__(features)


def trial(method: Sound) -> Trial:
    return Trial(method, make_net(TinyGAP), make_images(), (0, 3, 4), ("block",))


def test_a_sound_method_breaks_no_rule() -> None:
    assert [rule(trial(Sound())) for rule in RULES] == [None] * len(RULES)


@pytest.mark.parametrize(
    ("method", "rule", "words"),
    [
        (OneMap, "gives_a_map", r"3 images gave \(8, 8\)"),
        (NaNs, "gives_a_map", "values are NaN or infinite"),
        (FlatFails, "constant_images_give_a_map", "NaN or infinite"),
        (OfTheWholeBatch, "one_image_is_as_in_a_batch", "image 0 alone"),
        (OfTheChunk, "chunks_change_nothing", "two forward passes at a time"),
        (Global, "twice_is_the_same", "layer.generators"),
        (Seeded, "randomness_is_declared", "stochastic=True"),
        (Overwrites, "inputs_are_not_modified", "layer.activations is changed"),
        (OverwritesImages, "inputs_are_not_modified", "layer.images is changed"),
        (OverwritesTargets, "inputs_are_not_modified", "layer.targets is changed"),
        (GivesAView, "inputs_are_not_modified", "a view of it"),
        (AsksInTrainMode, "model_is_not_modified", "train mode gives another map"),
        (LeavesAHook, "model_is_not_modified", "a hook is left"),
        (ChangesWeights, "model_is_not_modified", "weights or batch-norm"),
        (PutsGradients, "model_is_not_modified", ".grad of parameters|train mode|batch-norm"),
        (Untitled, "is_described", "first line"),
        (WithoutFormula, "is_described", "no formula"),
        (WithoutHelp, "is_described", r"option power has no help; write power = option\(DEFAULT, help"),
    ],
)
def test_a_rule_finds_who_breaks_it(method: type[Sound], rule: str, words: str) -> None:
    complaint = getattr(contract, rule)(trial(method()))
    assert complaint is not None
    assert re.search(words, complaint), complaint


def test_a_method_that_changes_its_images_breaks_that_rule_alone() -> None:
    tried = trial(OverwritesImages())
    broken = [rule.__name__ for rule in RULES if rule(tried) is not None]
    assert broken == ["inputs_are_not_modified"]


def test_the_network_is_whole_after_a_rule_has_tried_it() -> None:
    tried = trial(AsksInTrainMode())
    contract.model_is_not_modified(tried)
    assert not any(part.training for part in tried.module.modules())
    assert all(parameter.requires_grad for parameter in tried.module.parameters())


def test_a_method_without_a_docstring_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "_members", {**methods})

    @method("silent2026", paper="me", year=2026)
    class Silent:
        power: float = 1.0

        def __call__(self, layer: LayerFeatures) -> Tensor:
            return layer.activations.mean(1)

    assert (Silent.info.title, Silent.info.summary, Silent.info.formula) == ("Silent", "", "")
    assert "first line" in (contract.is_described(trial(Silent())) or "")


def test_the_docstring_comes_apart_at_its_sections() -> None:
    stated = _stated(Documented)
    assert stated == {
        "title": "Documented",
        "summary": "two lines of a summary.",
        "formula": "M = a + b\nc: the rest",
        "identities": "the same as x; and y.",
        "traps": "none of (any: kind) known.",
    }


class Documented:
    """Documented: two lines
    of a summary.

    M = a + b
    c: the rest

    Identities: the same as x; and
    y.
    Traps: none of
    (any: kind) known.
    """
