"""Each method against its naive twin: loops over channels and cells in float64, written from the formula."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from tests.methods.nets import LAST, LAYERS, TinyGAP, TinyVGG, layer_features, make_images, make_net
from tests.reference.method_case import MEAN, STD, Case, Network
from tests.reference.methods import CASES, FLOAT64_ONLY, TWINS, TwinCase
from wsol.methods._base import methods
from wsol.options import options_of
from wsol.testing import applied

NETS = {"vgg": TinyVGG, "gap": TinyGAP}
TARGETS = (0, 3, 4)
SEED = 5
BLACK = tuple(-center / spread for center, spread in zip(MEAN, STD, strict=True))
PLACES = [n for n, chosen in enumerate(CASES) if chosen.net in NETS]  # others: test_attention_methods, test_branches


def layers_of(chosen: TwinCase) -> tuple[str, ...]:
    info = methods[chosen.key].info
    if info.layers == "input":
        return ("input",)
    return LAYERS[NETS[chosen.net]] if info.joint else (chosen.layer or LAST[NETS[chosen.net]],)


def fast(chosen: TwinCase, dtype: torch.dtype) -> np.ndarray:
    module = make_net(NETS[chosen.net], dtype=dtype)
    all_features = layer_features(module, make_images(dtype=dtype), TARGETS, layers_of(chosen), seed=SEED, black=BLACK)
    raw = applied(methods[chosen.key](**chosen.options), all_features)
    assert raw.dtype == dtype
    return raw.double().numpy()


@cache
def slow(place: int) -> np.ndarray:
    chosen = CASES[place]
    module = make_net(NETS[chosen.net])
    network = Network(module)
    maps = []
    for n, (image, target) in enumerate(zip(make_images().numpy(), TARGETS, strict=True)):
        cases = []
        for name in layers_of(chosen):
            a, g = network.forward_backward(image, name, lambda y, c=target: y[c])
            gap = chosen.net == "gap"
            head = (module.fc.weight.detach().numpy(), module.fc.bias.detach().numpy()) if gap else None
            cases.append(Case(network, image, target, name, a, g, head, f"image{n}", SEED))
        maps.append(TWINS[chosen.key](cases if methods[chosen.key].info.joint else cases[0], **chosen.options))
    return np.stack(maps)


def ident(place: int) -> str:
    return str(CASES[place])


@pytest.mark.parametrize("place", PLACES, ids=ident)
def test_a_method_equals_its_naive_twin_in_float64(place: int) -> None:
    expected = slow(place)
    raw = fast(CASES[place], torch.float64)
    assert raw.shape == expected.shape
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(raw, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("place", [n for n in PLACES if CASES[n].key not in FLOAT64_ONLY], ids=ident)
def test_float32_stays_within_a_ten_thousandth_of_the_twin(place: int) -> None:
    expected = slow(place)
    raw = fast(CASES[place], torch.float32)
    np.testing.assert_allclose(raw, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


OURS = [key for key, cls in methods.items() if cls.__module__ == f"wsol.methods.{key}"]


def test_every_method_has_a_twin_and_every_twin_a_method() -> None:
    assert set(TWINS) == set(OURS)


@pytest.mark.parametrize("key", OURS)
def test_every_option_is_tried_by_a_case(key: str) -> None:
    tried = {name for chosen in CASES if chosen.key == key for name in chosen.options}
    assert tried >= {option.name for option in options_of(methods[key])}
