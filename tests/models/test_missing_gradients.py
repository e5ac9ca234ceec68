"""Where no gradient arrives the layer is named, with methods that need none; maps that are all zero are reported."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from PIL import Image
from torch import Tensor, nn

import wsol
from tests.models.odd_networks import SIDE, Branched, noise, wrapped
from wsol.errors import LayerError, ModelError
from wsol.models.stages import resolve_layer


class Cut(nn.Module):
    """No gradient at `body.2`, each for another reason."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.deep, self.head = nn.Conv2d(8, 8, 3, 2, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "checkpoint":
            return self.tail(torch.utils.checkpoint.checkpoint(self.body, x, use_reentrant=True))
        if self.how == "detach":
            return self.tail(self.body(x).detach())
        with torch.inference_mode() if self.how == "inference_mode" else torch.no_grad():
            return self.tail(self.body(x))

    def tail(self, x: Tensor) -> Tensor:
        return self.head(self.deep(x).mean((2, 3)))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("how", ["no_grad", "inference_mode", "detach", "checkpoint"])
def test_a_layer_without_a_gradient_is_named_with_methods_that_need_none(how: str) -> None:
    net, images = Cut(how), noise(2, 3, SIDE, SIDE)
    with pytest.raises(LayerError, match=r"gradient.*'?body\.2.*without gradients, such as eigencam|body\.2.*eigencam"):
        wsol.attribute(net, images, "gradcam", layers="body.2")
    assert np.asarray(wsol.attribute(net, images, "eigencam", layers="body.2")).any()


def test_a_fusion_with_a_layer_without_a_gradient_is_refused_and_not_zero() -> None:
    with pytest.raises(LayerError, match=r"no gradient arrives at layer 'body\.2'.*detach.*eigencam"):
        wsol.attribute(Cut("detach"), noise(1, 3, SIDE, SIDE), "layercam", layers=["body.2", "deep"])
    assert resolve_layer(wrapped(Cut("detach")), "last") == "deep"


def test_a_caller_in_inference_mode_gets_the_same_maps_and_layers() -> None:
    net, images = Branched(), noise(2, 3, SIDE, SIDE)
    pictures = [(Image.new("RGB", (40, 30), color), 1, [[1, 2, 13, 14]]) for color in ("red", "blue")]
    with torch.inference_mode():
        maps = wsol.attribute(net, images, "gradcam", target=1)
        inside = wsol.evaluate(net, pictures, "gradcam", "exact", input_size=SIDE)
        made = Branched()
    np.testing.assert_array_equal(maps, wsol.attribute(Branched(), images, "gradcam", target=1))
    outside = wsol.evaluate(Branched(), pictures, "gradcam", "exact", input_size=SIDE)
    timed = ["seconds", "ms", "peak_mb"]
    first, second = (result.rows().drop(columns=timed, errors="ignore") for result in (inside, outside))
    assert "stage3" in first["variant"][0]
    assert first.equals(second)
    with pytest.raises(ModelError, match=r"the weights of Branched were made under torch\.inference_mode"):
        wsol.attribute(made, images, "gradcam")


class Unread(nn.Module):
    """The layer `body` is multiplied by zero: a gradient arrives, and it is zero."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = nn.Conv2d(3, 8, 3, 4, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(0 * self.body(x).mean((2, 3)))


def test_maps_that_are_all_zero_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    wsol.attribute(Unread(), noise(2, 3, SIDE, SIDE), "gradcam", layers="body", target=1)
    assert "all 2 maps are zero everywhere" in caplog.text
    caplog.clear()
    images = [Image.new("RGB", (40, 30), color) for color in ("red", "blue", "green")]
    data = [(image, 1, [[1, 2, 13, 14]]) for image in images]
    wsol.evaluate(Unread(), data, ["gradcam", "eigencam"], ["exact"], layers="body", input_size=SIDE)
    lines = [record.getMessage() for record in caplog.records if "zero everywhere" in record.getMessage()]
    assert len(lines) == 1
    assert lines[0].startswith("gradcam@body: the first 3 maps")
