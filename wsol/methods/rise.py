"""RISE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.masks import Score, masked_scores
from wsol.options import Count, PositiveShare

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "rise",
    paper="Petsiuk et al., RISE, BMVC 2018, eq. 6",
    year=2018,
    needs=("model",),
    layers="input",
    cost="1F + samples F",
    stochastic=True,
)
class RISE:
    """RISE: the mean of random masks, weighted by the class's score behind each.

    M = sum_i p(x * m_i) m_i / (N p_1)
    m_i: a coarse grid of cells kept with probability p_1, upsampled, shifted at random

    Traps: all images of a run share their masks, drawn from the run's seed. The sum is divided by N p_1 once. The
    paper takes 4000 masks for VGG-16 and 8000 for ResNet-50.

    Options: samples (N), cells (grid cells a side), keep (p_1), score.
    """

    samples: Count = 4000
    cells: Count = 7
    keep: PositiveShare = 0.5
    score: Score = "prob"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        batch, _, height, width = layer.images.shape
        step = -(-height // self.cells), -(-width // self.cells)  # rounded up, as the paper does
        generator = layer.run_generator("rise")
        kept = torch.rand(self.samples, self.cells, self.cells, generator=generator, dtype=torch.float64) < self.keep
        shifts = torch.rand(self.samples, 2, generator=generator, dtype=torch.float64) * torch.tensor(step)
        raw = torch.zeros(batch, height, width, dtype=layer.logits.dtype, device=layer.images.device)

        def masks(part: slice) -> Tensor:
            return grown(kept[part].to(raw), shifts[part].long().tolist(), step, (height, width))

        scores = masked_scores(layer, self.samples, masks, self.score)
        for part in layer.query.parts(self.samples):  # masks are drawn, not kept, so they are grown again
            some = masks(part)
            for image in range(batch):
                raw[image] += (scores[part, image, None, None] * some).sum(0)
        return raw / (self.samples * self.keep)


def grown(grids: Tensor, shifts: list[list[int]], step: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """(m, s, s) grids to (m, *size) masks: bilinear to (s + 1) steps a side, cut out at (y, x) shifts."""
    sides = tuple((grids.shape[-1] + 1) * s for s in step)
    large = torch.nn.functional.interpolate(grids[:, None], size=sides, mode="bilinear", align_corners=False)[:, 0]
    return torch.stack([one[y : y + size[0], x : x + size[1]] for one, (y, x) in zip(large, shifts, strict=True)])
