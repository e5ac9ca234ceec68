"""What every method that needs `attention` must keep: a new file in `wsol/methods` is tested here unasked."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.methods.contract import StopHereError, check_record
from tests.methods.nets import TinyVGG
from tests.methods.nets import make_images as images_of_cnn
from tests.methods.nets import make_net as make_cnn
from tests.methods.nets import one_layer as one_cnn_layer
from tests.methods.vits import KEYS, TARGETS, grids_of, make_images, make_vit, near, one_layer
from wsol.errors import LayerError
from wsol.methods._base import methods
from wsol.methods._common import attention as attending
from wsol.models.forward import INPUT
from wsol.testing import RULES, Rule, Trial, broken_map, hooks

NET = "semantic"  # all methods of attention run on it
ON = [(key, net) for key in KEYS for net in ("timm", "torchvision", NET) if key != "tscam" or net == NET]


def run(key: str, net: str = NET, *, count: int = 3, dtype: torch.dtype = torch.float64, **given: Any) -> Tensor:
    raw: Tensor = methods[key]()(
        one_layer(make_vit(net, dtype=dtype), make_images(count, dtype=dtype), TARGETS[:count], **given)
    )
    return raw


@pytest.mark.default_cases(30)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(("key", "net"), ON)
def test_every_method_keeps_the_contract(key: str, net: str, rule: Rule) -> None:
    module = make_vit(net)
    known = grids_of(module, make_images())
    assert rule(Trial(methods[key](), module, make_images(), TARGETS, (INPUT,), known)) is None


@pytest.mark.default_cases(6)
@pytest.mark.parametrize(("key", "net"), ON)
def test_how_much_attention_is_held_changes_nothing(key: str, net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = run(key, net)
    monkeypatch.setattr(attending, "PART_BYTES", 1)
    assert near(run(key, net), batch)


@pytest.mark.parametrize("key", KEYS)
def test_odd_images_and_types_give_finite_maps(key: str) -> None:
    module = make_vit(NET, dtype=torch.float32)
    flat = torch.stack([torch.full((3, 24, 24), value) for value in (0.0, 1.0, -2.5)])
    assert broken_map(methods[key]()(one_layer(module, flat, TARGETS)), 3) is None
    with torch.autocast("cpu", torch.bfloat16):
        assert broken_map(run(key, dtype=torch.float32), 3) is None
    assert broken_map(run(key, dtype=torch.bfloat16), 3) is None
    for value in module.parameters():
        value.data.mul_(1e4)
    assert broken_map(methods[key]()(one_layer(module, make_images(dtype=torch.float32), TARGETS)), 3) is None


@pytest.mark.parametrize("key", KEYS)
def test_no_hook_survives_an_exception(key: str) -> None:
    module = make_vit(NET).train()
    features = one_layer(module, make_images(), TARGETS)
    attending.tokens_of(features)

    def stop(*_: object) -> None:
        raise StopHereError

    handle = module.head.register_forward_hook(stop)
    with pytest.raises(StopHereError):
        methods[key]()(features)
    handle.remove()
    assert sum(hooks(part) for part in module.modules()) == 0
    assert all(part.training for part in module.modules())
    assert all(value.requires_grad for value in module.parameters())


@pytest.mark.parametrize("key", KEYS)
def test_the_declared_cost_is_what_is_spent(key: str) -> None:
    features = one_layer(make_vit(NET), make_images(1), TARGETS[:1])
    expected = {unit: float(count) for count, unit in re.findall(r"(\d+)([FB])", methods[key].info.cost)}
    for _ in range(2):  # what is shared is charged in full
        before = features.query.cost
        methods[key]()(features)
        spent = features.query.cost - before
        assert spent.forwards + 1 == expected["F"]  # the shared look is one
        assert spent.backwards == expected.get("B", 0)
        assert spent.partial_forwards == 0


def test_the_attention_held_at_a_time_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    features = one_layer(make_vit(NET), make_images(), TARGETS)
    one = 3 * 2 * 10 * 10 * 8  # layers, heads, tokens, tokens, bytes
    assert attending.tokens_of(features).image_bytes == one
    for limit, with_gradients, without in ((6 * one, [3], [3]), (4 * one, [2, 1], [3]), (2 * one, [1, 1, 1], [2, 1])):
        monkeypatch.setattr(attending, "PART_BYTES", limit)
        for gradients, expected in ((True, with_gradients), (False, without)):
            assert [part.stop - part.start for part in attending.parts(features, gradients=gradients)] == expected


def test_methods_that_want_the_same_share_one_look() -> None:
    features = one_layer(make_vit(NET), make_images(), TARGETS)
    runs: list[int] = []
    attending.tokens_of(features)
    handle = features.query.module.register_forward_hook(lambda *given: runs.append(len(given[2])))
    for key in ("rollout", "lastattention", "genericattention", "attngradcam"):
        methods[key]()(features)
    handle.remove()
    assert runs == [3, 3]  # one with gradients, one without


@pytest.mark.parametrize("key", KEYS)
def test_a_network_without_attention_is_refused(key: str) -> None:
    features = one_cnn_layer(make_cnn(TinyVGG), images_of_cnn(), TARGETS, INPUT)
    with pytest.raises(LayerError, match=r"TinyVGG has no attention that can be seen .* gradcam, layercam or eigencam"):
        methods[key]()(features)


@pytest.mark.parametrize("key", KEYS)
def test_a_method_is_a_frozen_record_that_says_what_it_is(key: str) -> None:
    check_record(key)
    assert methods[key].info.layers == "input"  # a layer that a user chose would be captured for nothing
