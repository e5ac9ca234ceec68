"""ResNet-50 with a finer last map, as Choe et al. (CVPR 2020) train it, plain and with the heads of three methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.models.networks._gap import check_grid, check_head
from wsol.models.networks._resnet import ResNet50ACoL, ResNet50GAP, ResNet50SPG
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import nn


@model("resnet50_gap", needs_weights=True)
def resnet50_gap(*, num_classes: int = 1000, grid: int = 14, head: str | None = None) -> nn.Module:
    """ResNet-50 whose last stage, with ``grid=28`` the last two, keep the size of their input.

    (B, 3, 224, 224) to (B, num_classes); `layer4` has 14 x 14 or 28 x 28 cells. Names of parameters are those of
    clovaai/wsolevaluation, so that its checkpoints load, with the head they were trained with. Without a head they are
    torchvision's, too, whose weights of version 1 the paper starts from (their stride is in the 3x3 convolution).

    =======  =====================================================================================
    None     torchvision's layers
    `adl`    layers of attention-based dropout in `layer3` and `layer4`, which move the numbers of the blocks behind
    `acol`   two branches `classifier_A` and `classifier_B` instead of `fc`
    `spg`    layer3 is `SPG_A1` and `SPG_A2`; class maps `SPG_A4` instead of `fc`; guides
    =======  =====================================================================================

    Raises
    ------
    ConfigError : a grid other than 14 or 28, or another head.
    """
    check_grid("resnet50_gap", grid)
    check_head("resnet50_gap", head)
    if head == "acol":
        return ResNet50ACoL(classes=num_classes, grid=grid)
    if head == "spg":
        return ResNet50SPG(classes=num_classes, grid=grid)
    return ResNet50GAP(classes=num_classes, grid=grid, adl=head == "adl")
