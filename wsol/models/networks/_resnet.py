"""ResNet-50s with a finer last map: plain, with ADL, with ACoL's branches, with SPG's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from wsol.models.networks._acol import TwoBranches
from wsol.models.networks._adl import AttentionDropout
from wsol.models.networks._gap import initialize
from wsol.models.networks._spg import Guided

STEM = ("conv1", "bn1", "relu", "maxpool")
STAGES = ("layer1", "layer2", "layer3", "layer4")
BLOCKS = (3, 4, 6, 3)
CHANNELS = (1024, 2048)  # of the last two stages
BRANCH = 1024  # channels of ACoL's branches, and of SPG's B
GUIDE = 512  # of SPG's C


def fine_resnet50(*, classes: int, grid: int) -> ResNet:
    """torchvision's ResNet-50 whose last stage, with ``grid=28`` the last two, keep the size of their input."""
    network: ResNet = ResNet(Bottleneck, list(BLOCKS), num_classes=classes)
    for stage in STAGES[3 if grid == 14 else 2 :]:
        first: Any = network.get_submodule(f"{stage}.0")
        first.conv2.stride = (1, 1)
        first.downsample[0].stride = (1, 1)
    return network


class ResNet50GAP(nn.Module):
    """The stages, average pooling, one linear layer.

    With `adl` there is an `AttentionDropout` behind the first block of layer3, and the first and last of layer4.
    """

    def __init__(self, *, classes: int, grid: int, adl: bool = False) -> None:
        super().__init__()
        made = fine_resnet50(classes=classes, grid=grid)
        if adl:
            third, fourth = list(made.layer3), list(made.layer4)
            made.layer3 = nn.Sequential(third[0], AttentionDropout(), *third[1:])
            made.layer4 = nn.Sequential(fourth[0], AttentionDropout(), *fourth[1:], AttentionDropout())
        for name in (*STEM, *STAGES, "avgpool", "fc"):
            self.add_module(name, made.get_submodule(name))
        initialize(self, "xavier")

    def backbone_keys(self) -> Mapping[str, str]:
        return _backbone_keys(self, {stage: (stage,) for stage in STAGES})

    def forward(self, images: Tensor) -> Tensor:
        maps = _through(self, images, *STEM, *STAGES, "avgpool")
        return _through(self, maps.flatten(1), "fc")


class ResNet50ACoL(TwoBranches):
    """The stages and ACoL's two branches."""

    def __init__(self, *, classes: int, grid: int) -> None:
        super().__init__()
        made = fine_resnet50(classes=1, grid=grid)
        for name in (*STEM, *STAGES):
            self.add_module(name, made.get_submodule(name))
        self.add_branches(CHANNELS[1], BRANCH, classes)
        initialize(self, "he")

    def backbone_keys(self) -> Mapping[str, str]:
        return _backbone_keys(self, {stage: (stage,) for stage in STAGES})

    def features_of(self, images: Tensor) -> Tensor:
        return _through(self, images, *STEM, *STAGES)


class ResNet50SPG(Guided):
    """The stages, of which `SPG_A1` and `SPG_A2` are the first block and the others of layer3, and SPG's branches."""

    def __init__(self, *, classes: int, grid: int) -> None:
        super().__init__()
        made = fine_resnet50(classes=1, grid=grid)
        for name in (*STEM, "layer1", "layer2"):
            self.add_module(name, made.get_submodule(name))
        blocks = list(made.layer3)
        self.SPG_A1, self.SPG_A2 = nn.Sequential(blocks[0]), nn.Sequential(*blocks[1:])
        self.layer4 = made.layer4
        self.SPG_A4 = nn.Conv2d(CHANNELS[1], classes, 1)
        self.add_branches((CHANNELS[0], *CHANNELS), b=BRANCH, c=GUIDE)
        initialize(self, "xavier")

    def backbone_keys(self) -> Mapping[str, str]:
        return _backbone_keys(self, {**{stage: (stage,) for stage in STAGES}, "layer3": ("SPG_A1", "SPG_A2")})

    def stages_of(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        middle = _through(self, images, *STEM, "layer1", "layer2", "SPG_A1")
        deep = self.SPG_A2(middle)
        return middle, deep, self.layer4(deep)

    def classify(self, features: Tensor) -> Tensor:
        maps: Tensor = self.SPG_A4(features)
        return maps


def _through(network: nn.Module, images: Tensor, *parts: str) -> Tensor:
    for part in parts:
        images = network.get_submodule(part)(images)
    return images


def _backbone_keys(network: nn.Module, stages: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Stem and blocks to torchvision's names; by its stages, the parts here whose blocks are theirs."""
    found = {"conv1": "conv1", "bn1": "bn1"}
    for stage, parts in stages.items():
        blocks = [
            f"{part}.{name}"
            for part in parts
            for name, block in network.get_submodule(part).named_children()
            if isinstance(block, Bottleneck)
        ]
        found |= {own: f"{stage}.{place}" for place, own in enumerate(blocks)}
    return found
