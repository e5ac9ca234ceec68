"""A network that sees red: every method finds the red rectangle, to the pixel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.methods.nets import layer_features
from wsol.methods._base import methods
from wsol.models.forward import INPUT
from wsol.testing import applied


class Planted(nn.Module):
    """Sees red and green; the class 1 is red and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Conv2d(3, 2, 1, bias=False)
        self.block = nn.ReLU(inplace=True)
        self.fc = nn.Linear(2, 2)
        with torch.no_grad():
            self.colours.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[:, :, None, None])
            self.fc.weight.copy_(torch.tensor([[-3.0, 3.0], [20.0, -3.0]]))
            self.fc.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.block(self.colours(x)).mean((2, 3)))


POINTING = (
    "cam gradcam gradcam_pp xgradcam hirescam elementwise layercam ablationcam liftcam reciprocam groupcam scorecam "
    "finercam shapleycam fullgrad vanillagrad guidedbackprop guidedgradcam inputxgrad smoothgrad integratedgradients "
    "smoothgradcam_pp opticam polycam refinecam zoomcam clustermerge occlusion"
)


@pytest.mark.parametrize("key", POINTING.split(" "))
def test_a_planted_object_is_found_where_it_is(key: str) -> None:
    """A red rectangle and a smaller green one; the map at half of its maximum is the red one, to the pixel."""
    image = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    image[0, 0, 3:9, 4:12] = 1
    image[0, 1, 12:14, 2:5] = 1
    options = {
        "scorecam": {"channel_softmax": False, "baseline": "none"},
        "smoothgrad": {"noise": 0.0, "samples": 1},
        "smoothgradcam_pp": {"noise": 0.0, "samples": 1},
        "opticam": {"iterations": 60},
        "occlusion": {"window": 1 / 16, "stride": 1 / 16, "score": "logit"},
    }.get(key, {})
    layer = INPUT if methods[key].info.layers == "input" else "block"
    features = layer_features(Planted().double(), image, [1], [layer])
    made = methods[key](**options)
    raw = applied(made, features)[0]
    found = (raw > raw.amin() + (raw.amax() - raw.amin()) / 2).nonzero()
    box = [*found.amin(0).tolist(), *found.amax(0).tolist()]
    assert box == [3, 4, 8, 11]
    assert len(found) == 6 * 8
