"""What modules return: tensors in tuples, mappings and objects, logits in objects; networks run on from them."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import wsol
from tests.models.odd_networks import SIDE, Branched, ChannelsLast, LinearViT, noise, wrapped
from wsol.errors import ModelError
from wsol.models.forward import capture
from wsol.models.query import ModelQuery
from wsol.models.stages import resolve_layer
from wsol.models.tokens import Grids

Pair = namedtuple("Pair", ["size", "map"])


@dataclass(frozen=True)
class Held:
    size: int
    map: Tensor


class Returns(nn.Module):
    """A stage that returns its map in a namedtuple, a dict, a list in a dict, a dataclass."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stage, self.head = Stage(how), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        out = self.stage(x)
        while not isinstance(out, Tensor):
            out = out["map"] if isinstance(out, dict) else out.map if isinstance(out, Pair | Held) else out[0]
        return self.head(out.relu().mean((2, 3)))


class Stage(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.conv = how, nn.Conv2d(3, 8, 3, 4, 1)

    def forward(self, x: Tensor) -> Any:
        x = self.conv(x)
        return {
            "plain": x,
            "tuple": (x, 1),
            "named": Pair(8, x),
            "data": Held(8, x),
            "dict": {"map": x},
            "deep": {"n": 1, "map": [x]},
        }[self.how]


@pytest.mark.parametrize("how", ["tuple", "named", "data", "dict", "deep"])
@pytest.mark.parametrize("method", ["gradcam", "ablationcam", "scorecam", "layercam"])
def test_the_tensor_in_what_a_layer_returns_is_the_layer(how: str, method: str) -> None:
    images = noise(2, 3, SIDE, SIDE)
    plain, held = (wsol.attribute(Returns(h), images, method, layers="stage", target=2) for h in ("plain", how))
    np.testing.assert_array_equal(plain, held)
    assert resolve_layer(wrapped(Returns(how)), "stage") == "stage"


class Answers(Branched):
    """The logits in a dataclass, or in an object of the network's own."""

    def __init__(self, how: type) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        return Held(1, logits) if self.how is Held else SimpleNamespace(map=logits)


@pytest.mark.parametrize("how", [Held, SimpleNamespace])
def test_logits_in_an_object_need_a_function_of_it(how: type) -> None:
    images = noise(2, 3, SIDE, SIDE)
    with pytest.raises(ModelError, match=r"returns a \w+; give a function of it .* output\.map\[:, 3\]"):
        wsol.attribute(Answers(how), images, "gradcam")
    given = wsol.attribute(Answers(how), images, "gradcam", layers="deep", output=lambda output, _: output.map)
    np.testing.assert_array_equal(given, wsol.attribute(Branched(), images, "gradcam", layers="deep"))


def test_the_network_runs_on_from_every_last_layer_to_its_own_logits() -> None:
    for net in (LinearViT(), LinearViT(pool=True, mean=True), ChannelsLast(True), Branched(), Returns("deep")):
        made = wrapped(net)
        layer, grids, image = resolve_layer(made, "last"), Grids(made), noise(1, 3, SIDE, SIDE)
        with capture(net, [layer], gradients=False, grids=grids) as forward:
            result = forward(image)
        again = ModelQuery(net, grids=grids).logits_from(layer, result.activations[layer], image[0])
        torch.testing.assert_close(again, result.logits, rtol=1e-5, atol=1e-5)
