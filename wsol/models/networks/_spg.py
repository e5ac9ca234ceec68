"""The branches of self-produced guidance (SPG: Zhang et al., ECCV 2018)."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from torch import Tensor, nn


class Guides(NamedTuple):
    """What a network with SPG's branches gave for a batch.

    Attributes
    ----------
    logits : (B, C). maps : (B, C, h, w) class maps, whose spatial mean they are.
    b1, b2 : (B, 1, h', w') logits of foreground from a middle and a deeper layer, by convolutions they share.
    c : (B, 1, h, w) logits of foreground from the features before the class maps.
    """

    logits: Tensor
    maps: Tensor
    b1: Tensor
    b2: Tensor
    c: Tensor


class Guided(nn.Module):
    """A backbone with the branches B1, B2 and C of SPG; `stages_of` and `classify` are the subclass's.

    With images alone it gives (B, C) logits, and the branches do not run; with ``guides=True`` it gives `Guides`.
    """

    SPG_B_1a: nn.Sequential
    SPG_B_2a: nn.Sequential
    SPG_B_shared: nn.Sequential
    SPG_C: nn.Sequential

    def add_branches(self, inputs: tuple[int, int, int], *, b: int, c: int) -> None:
        """Branches on layers of these widths (for B1, B2 and C), of `b` and `c` channels inside."""
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.SPG_B_1a = rectified(inputs[0], b)
        self.SPG_B_2a = rectified(inputs[1], b)
        self.SPG_B_shared = nn.Sequential(*rectified(b, b), nn.Conv2d(b, 1, 1))
        self.SPG_C = nn.Sequential(*rectified(inputs[2], c), nn.Conv2d(c, 1, 1))

    @abstractmethod
    def stages_of(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features for B1, for B2, and those that C and `classify` read."""

    @abstractmethod
    def classify(self, features: Tensor) -> Tensor:
        """The class maps (B, C, h, w) of the last features."""

    def forward(self, images: Tensor, guides: bool = False) -> Tensor | Guides:
        middle, deep, last = self.stages_of(images)
        maps = self.classify(last)
        logits: Tensor = self.avgpool(maps).flatten(1)
        if not guides:
            return logits
        b1 = self.SPG_B_shared(self.SPG_B_1a(middle))
        b2 = self.SPG_B_shared(self.SPG_B_2a(deep))
        return Guides(logits, maps, b1, b2, self.SPG_C(last))


def rectified(inputs: int, *widths: int) -> nn.Sequential:
    """3x3 convolutions to each width in turn, a ReLU behind each."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
        inputs = width
    return nn.Sequential(*layers)
