"""Methods that read a network's own branches: against their twins, and what every method must keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

import wsol
from tests.methods.contract import check_record
from tests.methods.nets import TinyGAP, make_net, one_layer
from tests.methods.nets import make_images as images_of_tiny
from tests.reference.methods import CASES, TWINS
from wsol.cli import main
from wsol.datasets.formats.shapes import Shapes
from wsol.errors import HeadError
from wsol.methods._base import methods
from wsol.models.forward import INPUT
from wsol.models.zoo import load_classifier
from wsol.testing import RULES, Rule, Trial

KEYS = [key for key, cls in methods.items() if "branches" in cls.info.needs]
PLACES = [n for n, chosen in enumerate(CASES) if chosen.key in KEYS]
TARGETS = (0, 3, 4)
SIDE = 64


def network(dtype: torch.dtype = torch.float64) -> nn.Module:
    module = load_classifier("shapes_vgg_gap", weights="random", head="acol").module
    draw = torch.Generator().manual_seed(2)
    for value in module.parameters():
        value.data += 0.05 * torch.randn(value.shape, generator=draw)
    return module.to(dtype)


def images(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(CASES[place]))
def test_a_method_equals_its_naive_twin(place: int) -> None:
    chosen, module = CASES[place], network()
    raw = methods[chosen.key](**chosen.options)(one_layer(module, images(), TARGETS, INPUT, gradients=False))
    for image, target, found in zip(images().numpy(), TARGETS, raw.numpy(), strict=True):
        expected = TWINS[chosen.key](module.state_dict(), image, target, **chosen.options)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_the_second_branch_adds_to_the_first_one_s_map() -> None:
    module = network()
    raw = methods["acol"](threshold=0.3)(one_layer(module, images(), TARGETS, INPUT, gradients=False))
    with torch.no_grad():
        first = module.classifier_A(module.features_of(images()))[range(3), TARGETS]
    low, high = first.amin((1, 2), keepdim=True), first.amax((1, 2), keepdim=True)
    stretched = (first - low) / (high - low)
    assert bool((raw >= stretched - 1e-12).all())
    assert bool((raw > stretched + 0.1).any())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("key", KEYS)
def test_every_method_keeps_the_contract(key: str, rule: Rule) -> None:
    assert rule(Trial(methods[key](), network(), images(), TARGETS, (INPUT,))) is None


@pytest.mark.parametrize("key", KEYS)
def test_a_method_is_a_frozen_record_that_says_what_it_is(key: str) -> None:
    check_record(key)


def test_the_cost_is_one_more_forward() -> None:
    features = one_layer(network(), images(), TARGETS, INPUT, gradients=False)
    methods["acol"]()(features)
    assert features.query.cost.forwards == len(TARGETS)


def test_a_flat_map_is_zeros() -> None:
    module = network()
    for branch in (module.classifier_A, module.classifier_B):
        branch[4].weight.data.zero_()
    raw = methods["acol"]()(one_layer(module, images(), TARGETS, INPUT, gradients=False))
    assert not raw.any()


def test_a_network_without_branches_is_refused() -> None:
    with pytest.raises(HeadError, match=r"ACoL needs a network with two branches, and TinyGAP has none; give one"):
        methods["acol"]()(one_layer(make_net(TinyGAP), images_of_tiny(), TARGETS, INPUT, gradients=False))


def test_hooks_that_read_the_output_as_logits_leave_the_map_as_it_is() -> None:
    shapes, classifier = Shapes(n=2), load_classifier("shapes_acol")
    pictures, labels = zip(*((shapes.image(s), s.label) for s in shapes.samples()), strict=True)
    maps = wsol.attribute(classifier, pictures, "acol", target=labels)
    inputs = torch.stack([torch.from_numpy(classifier.normalized(p.resize((128, 128), 2))) for p in pictures])
    features = one_layer(classifier.module, inputs.permute(0, 3, 1, 2), labels, INPUT, gradients=False)
    np.testing.assert_allclose(maps.raw, methods["acol"]()(features).numpy(), atol=1e-5)
    items = [
        (picture, label, s.boxes_xyxy) for picture, label, s in zip(pictures, labels, shapes.samples(), strict=True)
    ]
    rows = wsol.evaluate(classifier, items, ["acol"], ["choe2020_v1"], gallery=0).rows()
    assert list(rows["status"]) == ["ok", "ok"]


@pytest.mark.default_cases(2)
@pytest.mark.parametrize(
    ("head", "method"), [("acol", "acol[threshold=0.6]"), ("spg", "cam"), ("acol", "cam"), ("adl", "cam")]
)
def test_a_checkpoint_is_evaluated_with_its_head(
    head: str, method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = load_classifier("shapes_vgg_gap", weights="random", head=head).module
    file = tmp_path / "best.safetensors"
    safetensors.torch.save_file(made.state_dict(), file)
    words = ["model=shapes_vgg_gap", f"model.head={head}", f"model.weights={file}", f"method=[{method}]"]
    assert main(["run", *words, "dataset.n=4", "metric=[]", "gallery=0", f"paths.runs={tmp_path}"]) == 0
    assert f"| {method.partition('[')[0]}" in capsys.readouterr().out
