"""VGGs that end in class maps: plain, with ADL, with ACoL's branches, with SPG's; of the paper's widths or smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from wsol.models.networks._acol import TwoBranches
from wsol.models.networks._adl import AttentionDropout
from wsol.models.networks._gap import initialize
from wsol.models.networks._spg import Guided, rectified


@dataclass(frozen=True, slots=True)
class Size:
    """Channels of a VGG.

    Attributes
    ----------
    stages : of each convolution of the five stages.
    conv6 : of the convolution before the pooling of the plain network, and of ADL's.
    branch : of ACoL's two branches. guide : inside SPG's.
    """

    stages: tuple[tuple[int, ...], ...]
    conv6: int
    branch: int
    guide: int


def vgg_gap(size: Size, *, classes: int, pools: int, head: str | None) -> nn.Module:
    """A VGG with a head, None or one of `HEADS`; `pools`, 4 or 3, are the ones that halve the grid."""
    if head == "acol":
        return VGGACoL(size, classes=classes, pools=pools)
    if head == "spg":
        return VGGSPG(size, classes=classes, pools=pools)
    return VGGGAP(size, classes=classes, pools=pools, adl=head == "adl")


class VGGGAP(nn.Module):
    """VGG without its last pool, a 3x3 convolution `conv6`, global average pooling, one linear layer `fc`.

    With `adl` `AttentionDropout` is behind the third pool, in front of the fourth, and at the end of `features`.
    """

    def __init__(self, size: Size, *, classes: int, pools: int, adl: bool = False) -> None:
        super().__init__()
        self.stages = size.stages
        self.features = features(size.stages, pools=pools, adl=adl)
        self.conv6 = nn.Conv2d(size.stages[-1][-1], size.conv6, 3, padding=1)
        self.relu = nn.ReLU(inplace=False)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(size.conv6, classes)
        initialize(self, "he")

    def backbone_keys(self) -> Mapping[str, str]:
        return backbone_keys(self, self.stages, "features")

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.conv6(self.features(images)))
        logits: Tensor = self.fc(self.avgpool(maps).flatten(1))
        return logits


class VGGACoL(TwoBranches):
    """VGG with pools of 3x3 cells, the last of stride 1, an average over 3x3 cells and ACoL's two branches."""

    def __init__(self, size: Size, *, classes: int, pools: int) -> None:
        super().__init__()
        self.stages = size.stages
        self.features = features(size.stages, pools=pools, overlapping=True)
        self.add_branches(size.stages[-1][-1], size.branch, classes)
        initialize(self, "xavier")

    def backbone_keys(self) -> Mapping[str, str]:
        return backbone_keys(self, self.stages, "features")

    def features_of(self, images: Tensor) -> Tensor:
        return functional.avg_pool2d(self.features(images), 3, stride=1, padding=1)


class VGGSPG(Guided):
    """VGG whose last stages are `SPG_A_1` and `SPG_A_2`; two convolutions, `SPG_A_3`; the class maps, `SPG_A_4`."""

    def __init__(self, size: Size, *, classes: int, pools: int) -> None:
        super().__init__()
        self.stages = size.stages
        fourth, fifth = size.stages[3:]
        last = fifth[-1]
        self.pooled = pools == 4
        self.features = features(size.stages[:3], pools=3)
        self.SPG_A_1 = rectified(size.stages[2][-1], *fourth)
        self.SPG_A_2 = rectified(fourth[-1], *fifth)
        self.SPG_A_3 = rectified(last, last, last)
        self.SPG_A_4 = nn.Conv2d(last, classes, 1)
        self.add_branches((fourth[-1], last, last), b=size.guide, c=size.guide)
        initialize(self, "xavier")

    def backbone_keys(self) -> Mapping[str, str]:
        return backbone_keys(self, self.stages, "features", "SPG_A_1", "SPG_A_2")

    def stages_of(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        middle = self.SPG_A_1(self.features(images))
        if self.pooled:
            middle = functional.max_pool2d(middle, 3, stride=2, padding=1)
        deep = self.SPG_A_2(middle)
        return middle, deep, self.SPG_A_3(deep)

    def classify(self, features: Tensor) -> Tensor:
        maps: Tensor = self.SPG_A_4(features)
        return maps


def features(
    stages: tuple[tuple[int, ...], ...], *, pools: int, overlapping: bool = False, adl: bool = False
) -> nn.Sequential:
    """Stages of 3x3 convolutions with a max-pool behind each of the first `pools`.

    With `overlapping` a pool takes 3x3 cells, and the stages behind the first `pools` have one of stride 1.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for place, widths in enumerate(stages):
        layers += rectified(inputs, *widths)
        inputs = widths[-1]
        if adl and place > 2:
            layers.append(AttentionDropout())
        if overlapping:
            layers.append(nn.MaxPool2d(3, stride=2 if place < pools else 1, padding=1))
        elif place < pools:
            layers.append(nn.MaxPool2d(2))
        if adl and place == 2:
            layers.append(AttentionDropout())
    return nn.Sequential(*layers)


def backbone_keys(network: nn.Module, stages: tuple[tuple[int, ...], ...], *parts: str) -> dict[str, str]:
    """The convolutions of `parts`, in order, to torchvision's names of the same, where each stage ends in a pool."""
    own = [
        f"{part}.{name}"
        for part in parts
        for name, layer in network.get_submodule(part).named_children()
        if isinstance(layer, nn.Conv2d)
    ]
    theirs: list[str] = []
    place = 0
    for widths in stages:
        for _ in widths:
            theirs.append(f"features.{place}")
            place += 2  # the convolution and its ReLU
        place += 1
    return dict(zip(own, theirs, strict=True))
