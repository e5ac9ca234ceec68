"""IS-CAM."""

from typing import Literal

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
from wsol.options import Count, option


@method(
    "iscam",
    paper="Naidu et al., IS-CAM: Integrated Score-CAM, 2020",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K samples F",
    costly=True,
    quick={"samples": 2},
)
class ISCAM:
    """IS-CAM: Score-CAM with each channel's score averaged while its mask fades in.

    S_k = mean over i = 1..N of f(x * H_k i / N);  w = softmax_k(S);  M = ReLU(sum_k w_k A_k)

    Identities: with samples=1 it is Score-CAM.
    Traps: no official code. torch-cam adds the fractions up (0.1, 0.3, 0.6, ... 5.5 for N = 10), so its masks leave
    [0, 1]; it averages logits, and stretches masks before upsampling (fractions=running_sum score=logit
    mask_order=norm_before_up).
    """

    samples: Count = option(10, help="N, steps in which a mask fades in")
    fractions: Literal["even", "running_sum"] = option(
        "even", help="how a mask fades in: by i / N, or by the running sum of these"
    )
    score: Score = option("prob", help=SCORE)
    channel_softmax: bool = option(True, help=SOFTMAX)
    mask_order: Order = option("norm_after_up", help=ORDER)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        def inputs(step: Tensor, image: Tensor, channel: Tensor) -> Tensor:
            masks = image_masks(layer.activations[image, channel], layer.input_size, self.mask_order)
            fraction = (step + 1).to(masks) / self.samples
            if self.fractions == "running_sum":
                fraction = fraction * (step + 2) / 2
            return behind(layer.images[image], fraction[:, None, None] * masks)

        scores = sampled_scores(layer, self.samples, inputs, self.score)
        weights = channel_weights(scores, live_channels(layer.activations), softmax=self.channel_softmax)
        return weighted_map(weights, layer.activations)
