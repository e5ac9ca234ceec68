"""A layer that runs more than once per image is its last run, or has no single map and is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import wsol
from tests.models.odd_networks import SIDE, noise
from wsol.errors import LayerError


class Twice(nn.Module):
    """A backbone that sees the image and something else; or one ReLU that is used after each convolution."""

    def __init__(self, how: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.how = how
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1))
        self.relu, self.head = nn.ReLU(), nn.Linear(8, 5)
        self.second = nn.Conv2d(8, 8, 3, 1, 1)
        self.reference = noise(1, 3, SIDE, SIDE)

    def forward(self, x: Tensor) -> Tensor:
        first = self.body(x)
        if self.how == "relu":
            return self.head(self.relu(self.second(self.relu(first))).mean((2, 3)))
        other = {
            "flip": lambda: x.flip(-1),
            "scale": lambda: nn.functional.interpolate(x, scale_factor=0.5),
            "reference": lambda: self.reference.to(x),
        }[self.how]()
        return self.head(first.relu().mean((2, 3)) + self.body(other).relu().mean((2, 3)))


@pytest.mark.parametrize("how", ["flip", "scale", "reference"])
@pytest.mark.parametrize("method", ["gradcam", "eigencam", "scorecam"])
def test_a_layer_that_runs_on_several_inputs_has_no_map(how: str, method: str) -> None:
    with pytest.raises(LayerError, match="runs more than once per image"):
        wsol.attribute(Twice(how), noise(1, 3, SIDE, SIDE), method, layers="body")


class Batched(Twice):
    """A backbone that sees several parts of an image in one batch, or one image of a batch after the other."""

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "mirror":
            return self.head(sum(self.body(torch.cat([x, x.flip(-1)])).relu().mean((2, 3)).chunk(2)))
        if self.how == "patches":
            patches = x.unfold(2, 32, 32).unfold(3, 32, 32).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 32, 32)
            return self.head(self.body(patches).relu().mean((2, 3)).view(len(x), 4, -1).mean(1))
        return torch.cat([self.head(self.body(image[None]).relu().mean((2, 3))) for image in x])


@pytest.mark.parametrize(("how", "maps"), [("mirror", 4), ("patches", 8), ("one by one", 1)])
def test_a_layer_of_more_or_fewer_maps_than_images_is_refused(how: str, maps: int) -> None:
    with pytest.raises(LayerError, match=f"layer 'body' has {maps} maps for 2 images.* no single map"):
        wsol.attribute(Batched(how), noise(2, 3, SIDE, SIDE), "eigencam", layers="body")


@pytest.mark.parametrize("method", ["gradcam", "eigencam"])
def test_a_relu_that_is_used_again_is_its_last_use(method: str) -> None:
    net, images = Twice("relu"), noise(2, 3, SIDE, SIDE)
    again = wsol.attribute(net, images, method, layers="relu", target=1)
    net.relu, first = nn.ReLU(), net.relu
    net.forward = lambda x: net.head(net.relu(net.second(first(net.body(x)))).mean((2, 3)))  # type: ignore[method-assign]
    np.testing.assert_array_equal(again, wsol.attribute(net, images, method, layers="relu", target=1))
