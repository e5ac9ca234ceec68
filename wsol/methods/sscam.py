"""SS-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

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
from wsol.options import Count, NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "sscam",
    paper="Wang et al., SS-CAM: Smoothed Score-CAM, 2020",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K samples F",
    stochastic=True,
)
class SSCAM:
    """SS-CAM: Score-CAM with each channel's score averaged over noise.

    S_k = mean over N of f(x * (H_k + noise)), or of f(x * H_k + noise);  w = softmax_k(S);  M = ReLU(sum_k w_k A_k)

    Identities: with std=0 it is Score-CAM.
    Traps: no official code. Noise has standard deviation `std` in the units of what it is put on: masks in [0, 1], or
    the normalised image. N times as many forwards as Score-CAM.

    Options: noise_on = map (the paper's type 1), input (type 2); samples; std; score; channel_softmax.
    """

    noise_on: Literal["map", "input"] = "map"
    samples: Count = 35
    std: NotNegative = 2.0
    score: Score = "prob"
    channel_softmax: bool = True

    def __call__(self, layer: LayerFeatures) -> Tensor:
        live = live_channels(layer.activations)
        sample, image, channel = live.expand(self.samples, *live.shape).nonzero(as_tuple=True)
        generators = layer.generators("sscam")
        logits, probabilities = input_scores(
            layer, image, lambda part: self._inputs(layer, image[part], channel[part], generators)
        )
        scores = torch.zeros(self.samples, *live.shape, dtype=layer.logits.dtype, device=live.device)
        scores[sample, image, channel] = probabilities if self.score == "prob" else logits
        scores = scores.sum(0) / self.samples
        weights = live_softmax(scores, live) if self.channel_softmax else scores
        return weighted_map(weights.to(layer.activations.dtype), layer.activations)

    def _inputs(
        self, layer: LayerFeatures, image: Tensor, channel: Tensor, generators: list[torch.Generator]
    ) -> Tensor:
        """(m, 3, h, w); each image draws its noise a channel at a time, so the number of inputs at a time is free."""
        pixels = layer.images[image]
        masks = image_masks(layer.activations[image, channel], (pixels.shape[-2], pixels.shape[-1]), "norm_after_up")
        shape = masks.shape[1:] if self.noise_on == "map" else pixels.shape[1:]
        drawn = [torch.randn(shape, generator=generators[i], dtype=torch.float64) for i in image.tolist()]
        noise = self.std * torch.stack(drawn)
        if self.noise_on == "map":
            return behind(pixels, masks + noise.to(masks))
        return behind(pixels, masks) + noise.to(pixels)
