"""A method from outside the package that writes into what it receives is named, and every other method is unharmed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import wsol
from tests.methods.nets import TinyGAP, make_images, make_net
from wsol.errors import ConfigError
from wsol.maps.extractor import MapExtractor
from wsol.methods import LayerFeatures, method
from wsol.methods._base import methods
from wsol.methods._variants import variant_of
from wsol.models.network import AnyNetwork

TARGETS = (0, 3, 4)
OTHERS = {key: methods[key] for key in ("gradcam", "scorecam", "finercam", "layercam")}  # imported before a test's own
Damage = Callable[[LayerFeatures], object]


def leave_hook(layer: LayerFeatures) -> None:
    layer.query.module.fc.register_forward_hook(lambda module, args, output: output * 2)


def change_and_fail(layer: LayerFeatures) -> None:
    layer.activations.zero_()
    raise RuntimeError("and then it fails")


def change_and_share(layer: LayerFeatures) -> None:
    """What it leaves for others in the memo is made of what it changed."""
    layer.images.zero_()
    methods["scorecam"]()(layer)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "images": (lambda layer: layer.images.zero_(), "layer.images"),
    "activations": (lambda layer: layer.activations.relu_().mul_(0), "layer.activations"),
    "gradients": (lambda layer: layer.gradients.abs_().add_(1), "layer.gradients"),
    "logits": (lambda layer: layer.logits.neg_(), "layer.logits"),
    "targets": (lambda layer: layer.targets.fill_(1), "layer.targets"),
    "through .data": (lambda layer: layer.activations.data.mul_(0), "layer.activations"),
    "through NumPy": (lambda layer: layer.images.numpy().fill(0), "layer.images"),
    "other shape": (lambda layer: layer.activations.resize_(1, 1, 1, 1), "layer.activations"),
    "weights": (lambda layer: layer.query.module.fc.weight.data.zero_(), "the network's fc.weight"),
    "buffers": (lambda layer: layer.query.module.stem[1].running_mean.add_(1), "the network's stem.1.running_mean"),
    "hooks": (leave_hook, "the hooks of fc"),
    "and raises": (change_and_fail, "layer.activations"),
    "and shares": (change_and_share, "layer.images"),
}


@pytest.fixture
def damaging(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A registered method that does what `request.param` says, and then gives the mean of the activations."""
    monkeypatch.setattr(methods, "_members", {**methods._members})
    damage, what = DAMAGES[request.param]

    @method("damaging2026", paper="me", year=2026, needs=("activations", "gradients", "model"))
    class Damaging:
        """Damaging: it writes into what it receives.

        M = mean_k A_k
        """

        def __call__(self, layer: LayerFeatures) -> Tensor:
            damage(layer)
            return torch.zeros(len(layer.images), 8, 8, dtype=layer.images.dtype)

    return what


def maps_of(keys: list[str]) -> tuple[dict[str, Tensor], dict[tuple[str, int], str]]:
    module = make_net(TinyGAP)
    images = make_images()
    extractor = MapExtractor(AnyNetwork(module, images[:1]))
    variants = [
        variant_of(key, {"layers": "block"}, resolve=lambda name: name, stages=["stem", "wide", "block"])
        for key in keys
    ]
    batch = extractor.maps(images, torch.tensor(TARGETS), ["a", "b", "c"], variants)
    return {v.info.key: torch.from_numpy(batch.raw(v.id).copy()) for v in variants}, dict(batch.failures)


@pytest.mark.parametrize("damaging", DAMAGES, indirect=True)
def test_what_a_method_changes_is_named_and_put_back(damaging: str) -> None:
    expected, _ = maps_of([*OTHERS])
    found, failures = maps_of(["damaging2026", *OTHERS])
    assert {key.partition("@")[0] for key, _ in failures} == {"damaging2026"}
    assert {place for _, place in failures} == {0, 1, 2}
    line = next(iter(failures.values()))
    assert f"damaging2026 changes {damaging} in place, which all methods use" in line
    assert "work on a copy" in line
    assert found["damaging2026"].isnan().all()
    for key in OTHERS:
        assert torch.equal(found[key], expected[key]), key


@pytest.mark.parametrize("damaging", ["images"], indirect=True)
def test_a_call_from_a_notebook_raises_and_the_callers_images_are_as_before(damaging: str) -> None:
    images = make_images()
    before = images.clone()
    with pytest.raises(ConfigError, match=f"damaging2026 changes {damaging} in place"):
        wsol.attribute(make_net(TinyGAP), images, method="damaging2026", layers="block", target=1)
    assert torch.equal(images, before)


@pytest.mark.parametrize("damaging", ["activations"], indirect=True)
def test_a_method_that_runs_one_from_outside_is_watched_too(damaging: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one_pass = methods["damaging2026"].info.needs - {"model"}
    monkeypatch.setattr("wsol.methods._base.MethodInfo.one_pass", property(lambda info: bool(one_pass)))
    images = make_images()
    with pytest.raises(ConfigError, match=f"finercam changes {damaging} in place"):
        wsol.attribute(make_net(TinyGAP), images, method="finercam", base="damaging2026", layers="block", target=1)


def test_a_method_that_keeps_to_itself_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "_members", {**methods._members})

    @method("sound2026", paper="me", year=2026)
    class Sound:
        """Sound: it works on a copy.

        M = mean_k A_k
        """

        def __call__(self, layer: LayerFeatures) -> Tensor:
            return layer.activations.clone().relu_().mean(1)

    found, failures = maps_of(["sound2026", "gradcam"])
    assert not failures
    assert found["sound2026"].isfinite().all()
