"""Compiled networks run as they were written; scripted and exported ones hide their layers and are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import wsol
from tests.models.odd_networks import noise
from wsol.errors import LayerError, ModelError


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)).eval()


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="needs torch 2.6")
@pytest.mark.parametrize("layer", ["last", "{}2"])
@pytest.mark.parametrize("method", ["gradcam", "eigencam"])
@pytest.mark.parametrize("how", ["whole", "inside", "method"])
def test_compiled_networks_run_as_they_were_written(how: str, method: str, layer: str) -> None:
    images, expected = noise(1, 3, 32, 32), plain()
    net = plain()
    if how == "method":
        net.compile()
    else:
        net = torch.compile(net)  # type: ignore[assignment]
    made = nn.Sequential(net) if how == "inside" else net
    prefix = "0._orig_mod." if how == "inside" else ""
    given = wsol.attribute(made, images, method, layers=layer.format(prefix), target=1)
    np.testing.assert_array_equal(given, wsol.attribute(expected, images, method, layers=layer.format(""), target=1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("layer", ["last", "2"])
@pytest.mark.parametrize("how", ["script", "trace", "freeze", "export"])
def test_networks_whose_layers_are_hidden_get_one_sentence(how: str, layer: str) -> None:
    images = noise(1, 3, 32, 32)
    make = {
        "script": lambda net: torch.jit.script(net),
        "trace": lambda net: torch.jit.trace(net, images),
        "freeze": lambda net: torch.jit.freeze(torch.jit.script(net)),
        "export": lambda net: torch.export.export(net, (images,)).module(),
    }[how]
    with pytest.raises(ModelError, match="its layers can't be seen; give the network it was made from"):
        wsol.attribute(make(plain()), images, "gradcam", layers=layer)
    if how != "export":
        with pytest.raises(LayerError, match=r"scripted|there is no layer"):  # a frozen one has no parts left
            wsol.attribute(nn.Sequential(make(plain())), images, "gradcam", layers=layer.replace("2", "0.2"))
