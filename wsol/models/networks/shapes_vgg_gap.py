"""A small VGG with global average pooling for the embedded dataset, to be trained by any technique on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.models.networks._gap import check_grid, check_head
from wsol.models.networks._shapes import CLASS_NAMES, INPUT_SIZE, MEAN, NUM_CLASSES, STD
from wsol.models.networks._vgg import Size, vgg_gap
from wsol.models.networks.shapes_vgg import STAGES
from wsol.models.registered import model

if TYPE_CHECKING:
    from torch import nn

SIZE = Size(
    stages=tuple((channels,) * convolutions for channels, convolutions in STAGES), conv6=128, branch=64, guide=48
)


@model("shapes_vgg_gap", input_size=INPUT_SIZE, mean=MEAN, std=STD, class_names=CLASS_NAMES, needs_weights=True)
def shapes_vgg_gap(*, num_classes: int = NUM_CLASSES, grid: int = 16, head: str | None = None) -> nn.Module:
    """`vgg16_gap` in small, with the same heads: (B, 3, 128, 128) to (B, num_classes).

    The last map has 16 x 16 cells, or with ``grid=8`` 8 x 8. Its backbone are the convolutions of `shapes_vgg`.

    Raises
    ------
    ConfigError : a grid other than 8 or 16, or another head.
    """
    check_grid("shapes_vgg_gap", grid, (8, 16), INPUT_SIZE)
    check_head("shapes_vgg_gap", head)
    return vgg_gap(SIZE, classes=num_classes, pools=4 if grid == 8 else 3, head=head)
