"""InceptionV3s that end in class maps: plain, with ADL, with ACoL's branches, with SPG's."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import inception

from wsol.models.networks._acol import TwoBranches
from wsol.models.networks._adl import AttentionDropout
from wsol.models.networks._gap import initialize
from wsol.models.networks._spg import Guided, rectified

BODY = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
)
CHANNELS = (288, 768)  # of Mixed_5d and Mixed_6e
WIDTH = 1024  # channels of the two convolutions before the classes, and of ACoL's branches
GUIDE = 512  # inside SPG's branches
DROPPED = 0.5


class InceptionB(inception.InceptionB):  # type: ignore[misc]
    """torchvision's block that halves the grid, here at stride 1 with padding: (B, 288, h, w) to (B, 768, h, w)."""

    def __init__(self) -> None:
        super().__init__(CHANNELS[0])
        for part in (self.branch3x3, self.branch3x3dbl_3):
            part.conv.stride, part.conv.padding = (1, 1), (1, 1)

    def _forward(self, x: Tensor) -> list[Tensor]:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch3x3(x), double, functional.max_pool2d(x, 3, stride=1, padding=1)]


class Body(nn.Module):
    """InceptionV3 up to Mixed_6e, in two parts; between them is one more pool where the grid is 14."""

    def __init__(self, grid: int) -> None:
        super().__init__()
        conv = inception.BasicConv2d
        self.extra_pool = grid == 14
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

    def backbone_keys(self) -> Mapping[str, str]:
        return {name: name for name in BODY}

    def middle_of(self, images: Tensor) -> Tensor:
        """What Mixed_5d gives, (B, 288, h, w)."""
        maps = _halved(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images))), padding=1)
        maps = _halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(maps)), padding=1)
        return self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(maps)))  # type: ignore[no-any-return]

    def pooled(self, middle: Tensor) -> Tensor:
        """The same at the size of the last map."""
        return _halved(middle, padding=0) if self.extra_pool else middle

    def deep_of(self, pooled: Tensor) -> Tensor:
        """What Mixed_6e gives, (B, 768, h, w)."""
        maps = self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(pooled))))
        return self.Mixed_6e(maps)  # type: ignore[no-any-return]


class InceptionGAP(Body):
    """Two 3x3 convolutions, a 1x1 convolution to the classes, their average. ADL takes the place of the dropout."""

    def __init__(self, *, classes: int, grid: int, adl: bool = False) -> None:
        super().__init__(grid)
        self.adl = adl
        if adl:
            self.ADL_5d, self.ADL_6e, self.ADL_A3_2b = AttentionDropout(), AttentionDropout(), AttentionDropout()
        self.SPG_A3_1b = rectified(CHANNELS[1], WIDTH)
        self.SPG_A3_2b = rectified(WIDTH, WIDTH)
        self.SPG_A4 = nn.Conv2d(WIDTH, classes, 1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        initialize(self, "xavier")

    def forward(self, images: Tensor) -> Tensor:
        middle = self.middle_of(images)
        deep = self.deep_of(self.pooled(self.ADL_5d(middle) if self.adl else middle))
        if self.adl:
            maps = self.SPG_A4(self.ADL_A3_2b(self.SPG_A3_2b(self.SPG_A3_1b(self.ADL_6e(deep)))))
        else:
            maps = self.SPG_A4(_before_classes(self, deep))
        logits: Tensor = self.avgpool(maps).flatten(1)
        return logits


class InceptionACoL(Body, TwoBranches):
    """The body and ACoL's two branches."""

    def __init__(self, *, classes: int, grid: int) -> None:
        super().__init__(grid)
        self.add_branches(CHANNELS[1], WIDTH, classes)
        initialize(self, "xavier")

    def features_of(self, images: Tensor) -> Tensor:
        return self.deep_of(self.pooled(self.middle_of(images)))


class InceptionSPG(Body, Guided):
    """The plain network, with B1 on Mixed_5d at the size of the last map, B2 on Mixed_6e, C in front of the classes."""

    def __init__(self, *, classes: int, grid: int) -> None:
        super().__init__(grid)
        self.SPG_A3_1b = rectified(CHANNELS[1], WIDTH)
        self.SPG_A3_2b = rectified(WIDTH, WIDTH)
        self.SPG_A4 = nn.Conv2d(WIDTH, classes, 1)
        self.add_branches((*CHANNELS, WIDTH), b=GUIDE, c=GUIDE)
        initialize(self, "xavier")

    def stages_of(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        middle = self.pooled(self.middle_of(images))
        deep = self.deep_of(middle)
        return middle, deep, _before_classes(self, deep)

    def classify(self, features: Tensor) -> Tensor:
        maps: Tensor = self.SPG_A4(features)
        return maps


def _before_classes(network: InceptionGAP | InceptionSPG, deep: Tensor) -> Tensor:
    """Mixed_6e's features to those that the class maps and SPG's C read, with dropout in front of each convolution."""
    features = network.SPG_A3_1b(functional.dropout(deep, DROPPED, network.training))
    features = network.SPG_A3_2b(functional.dropout(features, DROPPED, network.training))
    return functional.dropout(features, DROPPED, network.training)


def _halved(maps: Tensor, *, padding: int) -> Tensor:
    return functional.max_pool2d(maps, 3, stride=2, padding=padding, ceil_mode=True)
