"""ResNet-50 with a finer last map, as Choe et al. (CVPR 2020) train it for CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchvision.models import resnet50

from wsol.models.networks._gap import check_grid
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import nn


@model("resnet50_gap", needs_weights=True)
def resnet50_gap(*, num_classes: int = 1000, grid: int = 14) -> nn.Module:
    """torchvision's ResNet-50 whose last stage, with ``grid=28`` the last two, keep the size of their input.

    (B, 3, 224, 224) to (B, num_classes); `layer4` has 14 x 14 or 28 x 28 cells. Parameters are those of torchvision, by
    name and shape, so that its weights (of version 1, whose stride stands in the 3x3 convolution here, too) and the
    checkpoints of clovaai/wsolevaluation @ 96f4b88 load.

    Raises
    ------
    ConfigError : a grid other than 14 or 28.
    """
    check_grid("resnet50_gap", grid)
    network: nn.Module = resnet50(weights=None, num_classes=num_classes)
    for stage in ("layer4", "layer3")[: 1 if grid == 14 else 2]:
        first: Any = network.get_submodule(f"{stage}.0")
        first.conv2.stride = (1, 1)
        first.downsample[0].stride = (1, 1)
    return network
