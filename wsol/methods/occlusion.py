"""Occlusion."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import SCORE, Score, score_falls, sum_of_masks
from wsol.options import PositiveShare, option


@method(
    "occlusion",
    paper="Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, sec. 4.2",
    year=2014,
    needs=("model",),
    layers="input",
    cost="1F + windows F",
    costly=True,
)
class Occlusion:
    """Occlusion: how much the score falls when a window of the image is covered, averaged over the windows on a pixel.

    M = mean over windows W that contain the pixel of f(x) - f(x * (1 - 1_W))

    Traps: covered means 0 in normalized values, the mean color. The last window of a row or column is moved in to end
    at the border, so that each pixel is covered.
    """

    window: PositiveShare = option(0.25, help="side of the window as a share of the image's")
    stride: PositiveShare = option(0.125, help="its step as a share of the image's side")
    score: Score = option("prob", help=SCORE)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        masks = self.covers(*layer.input_size).to(layer.images)
        falls = score_falls(layer, masks, self.score)
        return sum_of_masks(layer, falls, lambda part: masks[part]) / masks.sum(0).to(falls)

    def covers(self, height: int, width: int) -> Tensor:
        """(windows, h, w) of ones inside a window, row by row."""
        rows, columns = (self._starts(side) for side in (height, width))
        tall, wide = (max(1, round(self.window * side)) for side in (height, width))
        masks = torch.zeros(len(rows) * len(columns), height, width)
        for mask, (y, x) in zip(masks, [(y, x) for y in rows for x in columns], strict=True):
            mask[y : y + tall, x : x + wide] = 1
        return masks

    def _starts(self, side: int) -> list[int]:
        last = side - max(1, round(self.window * side))
        return [*range(0, last, max(1, round(self.stride * side))), last]
