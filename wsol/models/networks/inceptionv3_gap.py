"""InceptionV3 whose classifier is a convolution, as Choe et al. (CVPR 2020) train it, plain and with three heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.models.networks._gap import check_grid, check_head
from wsol.models.networks._inception import InceptionACoL, InceptionGAP, InceptionSPG
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import nn


@model("inceptionv3_gap", needs_weights=True)
def inceptionv3_gap(*, num_classes: int = 1000, grid: int = 14, head: str | None = None) -> nn.Module:
    """InceptionV3 up to Mixed_6e, two 3x3 convolutions, a 1x1 convolution to the classes, and their spatial average.

    (B, 3, 224, 224) to (B, num_classes). The classes' maps have 14 x 14 cells, or with ``grid=28``, where one pool is
    left out, 28 x 28. Names of parameters are those of clovaai/wsolevaluation, so that its checkpoints load, with the
    head they were trained with, and, up to Mixed_6e, torchvision's.

    =======  =====================================================================================
    None     `SPG_A3_1b`, `SPG_A3_2b`, class maps `SPG_A4`, with dropout in front of each
    `adl`    the same with three layers of attention-based dropout and no other
    `acol`   two branches `classifier_A` and `classifier_B` on Mixed_6e
    `spg`    the plain network with guides on Mixed_5d, Mixed_6e and `SPG_A3_2b`
    =======  =====================================================================================

    Raises
    ------
    ConfigError : a grid other than 14 or 28, or another head.
    """
    check_grid("inceptionv3_gap", grid)
    check_head("inceptionv3_gap", head)
    if head == "acol":
        return InceptionACoL(classes=num_classes, grid=grid)
    if head == "spg":
        return InceptionSPG(classes=num_classes, grid=grid)
    return InceptionGAP(classes=num_classes, grid=grid, adl=head == "adl")
