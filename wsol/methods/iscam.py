"""IS-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.masks import (
    Score,
    behind,
    image_masks,
    input_scores,
    live_channels,
    live_softmax,
    weighted_map,
)
from wsol.options import Count

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "iscam",
    paper="Naidu et al., IS-CAM: Integrated Score-CAM, 2020",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K samples F",
)
class ISCAM:
    """IS-CAM: Score-CAM with each channel's score averaged while its mask fades in.

    S_k = mean over i = 1..N of f(x * H_k i / N);  w = softmax_k(S);  M = ReLU(sum_k w_k A_k)

    Identities: with samples=1 it is Score-CAM.
    Traps: torch-cam adds the fractions up (0.1, 0.3, 0.6, ... 5.5 for N = 10), so its masks leave [0, 1].

    Options: samples (N); score = prob, logit; channel_softmax, off for raw scores.
    """

    samples: Count = 10
    score: Score = "prob"
    channel_softmax: bool = True

    def __call__(self, layer: LayerFeatures) -> Tensor:
        live = live_channels(layer.activations)
        size = (layer.images.shape[-2], layer.images.shape[-1])
        step, image, channel = live.expand(self.samples, *live.shape).nonzero(as_tuple=True)

        def inputs(part: slice) -> Tensor:
            masks = image_masks(layer.activations[image[part], channel[part]], size, "norm_after_up")
            fraction = (step[part] + 1).to(masks) / self.samples
            return behind(layer.images[image[part]], fraction[:, None, None] * masks)

        logits, probabilities = input_scores(layer, image, inputs)
        scores = torch.zeros(self.samples, *live.shape, dtype=layer.logits.dtype, device=live.device)
        scores[step, image, channel] = probabilities if self.score == "prob" else logits
        scores = scores.sum(0) / self.samples
        weights = live_softmax(scores, live) if self.channel_softmax else scores
        return weighted_map(weights.to(layer.activations.dtype), layer.activations)
