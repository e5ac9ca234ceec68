"""Occlusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.masks import Score, masked_scores, target_scores
from wsol.options import PositiveShare

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "occlusion",
    paper="Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, sec. 4.2",
    year=2014,
    needs=("model",),
    layers="input",
    cost="1F + windows F",
)
class Occlusion:
    """Occlusion: how much the score falls when a window of the image is covered, averaged over the windows on a pixel.

    M = mean over windows W that contain the pixel of f(x) - f(x * (1 - 1_W))

    Traps: covered means 0 in normalised values, the mean colour. The last window of a row or column is moved in to end
    at the border, so that each pixel is covered.

    Options: window and stride as shares of the image's sides; score.
    """

    window: PositiveShare = 0.25
    stride: PositiveShare = 0.125
    score: Score = "prob"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        batch, _, height, width = layer.images.shape
        masks = self.covers(height, width).to(layer.images)
        whole = target_scores(layer.logits, layer.targets, self.score)
        raw = torch.zeros(batch, height, width, dtype=layer.logits.dtype, device=layer.images.device)
        falls = whole - masked_scores(layer, len(masks), lambda part: 1 - masks[part], self.score)
        for part in layer.query.parts(len(masks)):
            for image in range(batch):
                raw[image] += (falls[part, image, None, None] * masks[part]).sum(0)
        return raw / masks.sum(0).to(raw)

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
