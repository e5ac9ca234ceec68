"""InceptionV3 whose classifier is a convolution, as Choe et al. (CVPR 2020) train it for CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from torchvision.models import inception

from wsol.models.networks._gap import check_grid
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 1024  # channels of the two convolutions before the classes


class InceptionB(inception.InceptionB):  # type: ignore[misc]
    """torchvision's block that halves the grid, here at stride 1 with padding: (B, 288, h, w) to (B, 768, h, w)."""

    def __init__(self) -> None:
        super().__init__(288)
        for part in (self.branch3x3, self.branch3x3dbl_3):
            part.conv.stride, part.conv.padding = (1, 1), (1, 1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch3x3(x), double, functional.max_pool2d(x, 3, stride=1, padding=1)]


@model("inceptionv3_gap", needs_weights=True)
class InceptionV3GAP(torch.nn.Module):
    """InceptionV3 up to Mixed_6e, two 3x3 convolutions, a 1x1 convolution to the classes, and their spatial average.

    (B, 3, 224, 224) to (B, num_classes). `SPG_A4` is the map of the classes' logits, of 14 x 14 cells, or with
    ``grid=28``, where one pool is left out, 28 x 28. Names of parameters are those of clovaai/wsolevaluation @ 96f4b88,
    and, up to Mixed_6e, torchvision's.

    Raises
    ------
    ConfigError : a grid other than 14 or 28.
    """

    def __init__(self, num_classes: int = 1000, grid: int = 14) -> None:
        super().__init__()
        check_grid("inceptionv3_gap", grid)
        self.extra_pool = grid == 14
        conv = inception.BasicConv2d
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2, padding=1)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.Mixed_5b = inception.InceptionA(192, pool_features=32)
        self.Mixed_5c = inception.InceptionA(256, pool_features=64)
        self.Mixed_5d = inception.InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB()
        self.Mixed_6b = inception.InceptionC(768, channels_7x7=128)
        self.Mixed_6c = inception.InceptionC(768, channels_7x7=160)
        self.Mixed_6d = inception.InceptionC(768, channels_7x7=160)
        self.Mixed_6e = inception.InceptionC(768, channels_7x7=192)
        self.SPG_A3_1b = _wide(768)
        self.SPG_A3_2b = _wide(WIDTH)
        self.SPG_A4 = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Conv2d(WIDTH, num_classes, 1))
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)

    def forward(self, images: Tensor) -> Tensor:
        maps = _halved(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images))), padding=1)
        maps = _halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(maps)), padding=1)
        maps = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(maps)))
        if self.extra_pool:
            maps = _halved(maps, padding=0)
        maps = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(maps)))))
        logits: Tensor = self.avgpool(self.SPG_A4(self.SPG_A3_2b(self.SPG_A3_1b(maps)))).flatten(1)
        return logits


def _wide(inputs: int) -> torch.nn.Sequential:
    """Dropout, a 3x3 convolution, ReLU."""
    return torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Conv2d(inputs, WIDTH, 3, padding=1), torch.nn.ReLU())


def _halved(maps: Tensor, *, padding: int) -> Tensor:
    return functional.max_pool2d(maps, 3, stride=2, padding=padding, ceil_mode=True)
