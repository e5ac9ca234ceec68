"""SS-CAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import (
    ORDER,
    SCORE,
    SOFTMAX,
    Order,
    Score,
    behind,
    channel_weights,
    image_masks,
    live_channels,
    sampled_scores,
    weighted_map,
)
from wsol.options import Count, NotNegative, option


@method(
    "sscam",
    paper="Wang et al., SS-CAM: Smoothed Score-CAM, 2020",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K samples F",
    costly=True,
    quick={"samples": 1},
    stochastic=True,
)
class SSCAM:
    """SS-CAM: Score-CAM with each channel's score averaged over noise.

    S_k = mean over N of f(x * (H_k + noise)), or of f(x * H_k + noise);  w = softmax_k(S);  M = ReLU(sum_k w_k A_k)

    Identities: with std=0 it is Score-CAM.
    Traps: no official code; torch-cam averages logits and stretches masks before upsampling (score=logit
    mask_order=norm_before_up). Noise has standard deviation `std` in the units of what it is put on: masks in [0, 1],
    or the normalized image. N times as many forwards as Score-CAM.
    """

    noise_on: Literal["map", "input"] = option(
        "map", help="noise on the masks (the paper's type 1) or on the masked image (type 2)"
    )
    samples: Count = option(35, help="N, draws per channel")
    std: NotNegative = option(2.0, help="standard deviation of the noise in units of what it is added to")
    score: Score = option("prob", help=SCORE)
    channel_softmax: bool = option(True, help=SOFTMAX)
    mask_order: Order = option("norm_after_up", help=ORDER)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        generators = layer.generators("sscam")

        def inputs(sample: Tensor, image: Tensor, channel: Tensor) -> Tensor:
            pixels = layer.images[image]
            masks = image_masks(layer.activations[image, channel], layer.input_size, self.mask_order)
            shape = masks.shape[1:] if self.noise_on == "map" else pixels.shape[1:]
            # Each image draws for one channel at a time, so that how many inputs go together changes nothing.
            drawn = [torch.randn(shape, generator=generators[i], dtype=torch.float64) for i in image.tolist()]
            noise = self.std * torch.stack(drawn)
            if self.noise_on == "map":
                return behind(pixels, masks + noise.to(masks))
            return behind(pixels, masks) + noise.to(pixels)

        scores = sampled_scores(layer, self.samples, inputs, self.score)
        weights = channel_weights(scores, live_channels(layer.activations), softmax=self.channel_softmax)
        return weighted_map(weights, layer.activations)
