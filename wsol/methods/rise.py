"""RISE."""

from typing import Annotated

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import SCORE, Score, masked_scores, sum_of_masks
from wsol.options import Count, PositiveShare, Range, option


@method(
    "rise",
    paper="Petsiuk et al., RISE, BMVC 2018, eq. 6",
    year=2018,
    needs=("model",),
    layers="input",
    cost="1F + samples F",
    costly=True,
    quick={"samples": 200},
    stochastic=True,
)
class RISE:
    """RISE: the mean of random masks, weighted by the class's score behind each.

    M = sum_i p(x * m_i) m_i / (N p_1)
    m_i: a coarse grid of cells kept with probability p_1, upsampled, shifted at random

    Traps: all images of a run share their masks, drawn from the run's seed. The sum is divided by N p_1 once. Beyond
    the grid's border cells are repeated, where the authors' code mirrors them without the edge: masks differ within
    half a cell of the border. The paper takes 4000 masks for VGG-16 and 8000 for ResNet-50.
    """

    samples: Count = option(4000, help="N, masks; the paper takes 4000 for VGG-16 and 8000 for ResNet-50")
    cells: Annotated[int, Range(1, 512)] = option(7, help="cells per side of the coarse grid")
    keep: PositiveShare = option(0.5, help="p_1, chance that a cell is kept")
    score: Score = option("prob", help=SCORE)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        step = [-(-side // self.cells) for side in layer.input_size]  # rounded up, as the paper does
        generator = layer.run_generator("rise")
        kept = torch.rand(self.samples, self.cells, self.cells, generator=generator, dtype=torch.float64) < self.keep
        shifts = torch.rand(self.samples, 2, generator=generator, dtype=torch.float64) * torch.tensor(step)

        def masks(part: slice) -> Tensor:
            return grown(kept[part].to(layer.logits), shifts[part].long().tolist(), step, layer.input_size)

        scores = masked_scores(layer, self.samples, masks, self.score)
        return sum_of_masks(layer, scores, masks) / (self.samples * self.keep)


def grown(grids: Tensor, shifts: list[list[int]], step: list[int], size: tuple[int, int]) -> Tensor:
    """(m, s, s) grids to (m, *size) masks: bilinear to (s + 1) steps a side, cut out at (y, x) shifts."""
    sides = tuple((grids.shape[-1] + 1) * s for s in step)
    large = torch.nn.functional.interpolate(grids[:, None], size=sides, mode="bilinear", align_corners=False)[:, 0]
    return torch.stack([mask[y : y + size[0], x : x + size[1]] for mask, (y, x) in zip(large, shifts, strict=True)])
