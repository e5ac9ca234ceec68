"""The two branches of adversarial complementary learning (ACoL: Zhang et al., CVPR 2018)."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Branches(NamedTuple):
    """What both branches of ACoL gave for a batch.

    Attributes
    ----------
    logits, logits_b : (B, C) spatial means of the class maps.
    maps, maps_b : (B, C, h, w) class maps; those of the second branch saw the erased features.
    """

    logits: Tensor
    logits_b: Tensor
    maps: Tensor
    maps_b: Tensor


class TwoBranches(nn.Module):
    """A backbone that ends in ACoL's two branches; `features_of` is the subclass's.

    With images alone it gives the (B, C) logits of the first branch, by which the paper's evaluation classifies. With
    labels and a threshold it gives `Branches`: the second one sees features erased where the first one's map of the
    label, stretched to [0, 1], is at or above the threshold. No gradient flows through the erasing.
    """

    def add_branches(self, inputs: int, width: int, classes: int) -> None:
        """Two branches of equal shape: two 3x3 convolutions and a 1x1 convolution to the classes each."""
        self.classifier_A = _branch(inputs, width, classes)
        self.classifier_B = _branch(inputs, width, classes)
        self.avgpool = nn.AdaptiveAvgPool2d(1)

    @abstractmethod
    def features_of(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to the features (B, K, h, w) that the branches share."""

    def forward(self, images: Tensor, labels: Tensor | None = None, threshold: float = 1.0) -> Tensor | Branches:
        if labels is not None:
            return self.both(images, labels, threshold)
        logits: Tensor = self.avgpool(self.classifier_A(self.features_of(images))).flatten(1)
        return logits

    def both(self, images: Tensor, labels: Tensor, threshold: float) -> Branches:
        """Both branches, past hooks on the network's output, which stands for (B, C) logits."""
        features = self.features_of(images)
        maps = self.classifier_A(features)
        maps_b = self.classifier_B(features * kept(maps, labels, threshold))
        return Branches(self.avgpool(maps).flatten(1), self.avgpool(maps_b).flatten(1), maps, maps_b)


def kept(maps: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """(B, C, h, w) class maps to (B, 1, h, w): 0 where the label's, stretched to [0, 1], reaches the threshold, else 1.

    A flat map hides nothing.
    """
    label_map = maps.detach()[torch.arange(len(maps)), labels][:, None]
    return (~(unit_range(label_map) >= threshold)).to(maps)


def unit_range(maps: Tensor) -> Tensor:
    """(B, 1, h, w) from each one's minimum to its maximum as 0 to 1; a flat one is NaN, which no threshold reaches."""
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    return (maps - low) / (high - low)


def _branch(inputs: int, width: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, width, 3, padding=1),
        nn.ReLU(inplace=False),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(inplace=False),
        nn.Conv2d(width, classes, 1),
    )
