"""VGG16 with global average pooling, as Choe et al. (CVPR 2020) train it for CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.models.networks._gap import check_grid
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import Tensor

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # of VGG16's five stages


@model("vgg16_gap", needs_weights=True)
class VGG16GAP(torch.nn.Module):
    """VGG16 without its last pool, a 3x3 convolution to 1024 channels, global average pooling and one linear layer.

    (B, 3, 224, 224) to (B, num_classes). The last map, that of `relu`, has 14 x 14 cells; with ``grid=28`` the pool
    between the last two stages is left out, too, and it has 28 x 28. Names of parameters are those of
    clovaai/wsolevaluation @ 96f4b88, so that its checkpoints load: `features.N` (convolutions at torchvision's places
    for ``grid=14``), `conv6`, `fc`. New layers are initialized as there, by He et al. (2015).

    Raises
    ------
    ConfigError : a grid other than 14 or 28.
    """

    def __init__(self, num_classes: int = 1000, grid: int = 14) -> None:
        super().__init__()
        check_grid("vgg16_gap", grid)
        pools = 4 if grid == 14 else 3
        layers: list[torch.nn.Module] = []
        inputs = 3
        for stage, widths in enumerate(WIDTHS):
            for width in widths:
                layers += [torch.nn.Conv2d(inputs, width, 3, padding=1), torch.nn.ReLU(inplace=True)]
                inputs = width
            if stage < pools:
                layers.append(torch.nn.MaxPool2d(2))
        self.features = torch.nn.Sequential(*layers)
        self.conv6 = torch.nn.Conv2d(inputs, 1024, 3, padding=1)
        self.relu = torch.nn.ReLU(inplace=False)
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        self.fc = torch.nn.Linear(1024, num_classes)
        for part in self.modules():
            if isinstance(part, torch.nn.Conv2d):
                torch.nn.init.kaiming_uniform_(part.weight, mode="fan_in", nonlinearity="relu")
                torch.nn.init.zeros_(part.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.conv6(self.features(images)))
        logits: Tensor = self.fc(self.avgpool(maps).flatten(1))
        return logits
