"""VGG16 with global average pooling, as Choe et al. (CVPR 2020) train it, plain and with the heads of three methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.models.networks._gap import check_grid, check_head
from wsol.models.networks._vgg import Size, vgg_gap
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import nn

SIZE = Size(
    stages=((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
    conv6=1024,
    branch=1024,
    guide=512,
)


@model("vgg16_gap", needs_weights=True)
def vgg16_gap(*, num_classes: int = 1000, grid: int = 14, head: str | None = None) -> nn.Module:
    """VGG16 whose last map has 14 x 14 cells, or with ``grid=28`` 28 x 28: one pool fewer.

    (B, 3, 224, 224) to (B, num_classes). Layers, names of parameters and first weights are those of
    clovaai/wsolevaluation, so that its checkpoints load, with the head they were trained with:

    =======  =====================================================================================
    None     `features`, `conv6` (3x3, 1024 channels), ReLU, average pooling, `fc`
    `adl`    the same with three layers of attention-based dropout, which does nothing in eval mode
    `acol`   `features` with 3x3 pools, then two branches `classifier_A` and `classifier_B`
    `spg`    conv4 and conv5 are called `SPG_A_1` and `SPG_A_2`; class maps `SPG_A_4`; guides
    =======  =====================================================================================

    Raises
    ------
    ConfigError : a grid other than 14 or 28, or another head.
    """
    check_grid("vgg16_gap", grid)
    check_head("vgg16_gap", head)
    return vgg_gap(SIZE, classes=num_classes, pools=4 if grid == 14 else 3, head=head)
