"""Hide-and-Seek: a part of each image is hidden, another one in each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from wsol.models.forward import wide
from wsol.options import Count, Share, option
from wsol.training.technique import TrainingBatch, technique

if TYPE_CHECKING:
    from torch import Tensor, nn


@technique("has", paper="Singh and Lee, Hide-and-Seek, ICCV 2017, sec. 3.1", year=2017)
class HaS:
    """Hide-and-Seek: random squares of each image are hidden, so that less discriminative parts are learned, too.

    An image is divided into squares of `grid_size` pixels, from its upper left corner on; each is hidden with
    probability `drop_rate`, and its pixels become the training set's mean, which is 0 in normalized images. At test
    time nothing is hidden. The loss is that of CAM. Agrees with clovaai/wsolevaluation's code [read].

    Traps: `grid_size` is the side of a square, not their number; those at the right and lower edge are cut off. The
    paper's second variant, which draws the size anew for each image, is not here.
    """

    grid_size: Count = option(32, help="side of a square in pixels of the network input; the paper has 16, 32, 44, 56")
    drop_rate: Share = option(0.5, help="probability with which a square is hidden; 0.5 in the paper")

    def configure(self, network: nn.Module) -> None:
        """Nothing to hand over: the network is a plain one."""

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        count, _, height, width = images.shape
        rows, columns = -(-height // self.grid_size), -(-width // self.grid_size)
        hidden = torch.rand((count, 1, rows, columns), generator=generator) < self.drop_rate
        pixels = hidden.repeat_interleave(self.grid_size, 2).repeat_interleave(self.grid_size, 3)
        pixels = pixels[..., :height, :width].to(images.device)
        return TrainingBatch(images.masked_fill(pixels, 0), labels)

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        return functional.cross_entropy(wide(network(batch.images)), batch.labels)
