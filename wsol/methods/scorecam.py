"""Score-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.blur import blurred
from wsol.methods._common.masks import (
    Order,
    Score,
    channel_scores,
    image_scores,
    live_channels,
    live_softmax,
    weighted_map,
)
from wsol.options import Count

if TYPE_CHECKING:
    from torch import Tensor

BLUR_SIGMA = 10 / 224  # of the shorter side: 10 px at 224, as in RISE's and Fong & Vedaldi's blurred baselines


@method(
    "scorecam",
    paper="Wang et al., Score-CAM, CVPR-W 2020, algorithm 1",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K F",
)
class ScoreCAM:
    """Score-CAM: each channel weighted by the class's score when the image is seen through that channel.

    H_k = s(U(A_k)), s = min-max;  S_k = f(x * H_k) - f(x_b);  w = softmax_k(S) or S;  M = ReLU(sum_k w_k A_k)

    Identities: with the channel softmax any baseline x_b gives the same map (a softmax ignores a shift).
    Traps: four meanings are in use. Over probabilities the softmax bounds the ratio of two weights by e, so the map is
    close to the mean activation; over logits it is close to one channel. The official code has no softmax and no
    baseline (score=prob channel_softmax=false baseline=none). Flat channels get mask 0 and no weight; the official
    code returns nothing for a flat layer, here the map is 0.

    Options: score; channel_softmax; baseline subtracted from the score: none, zero (the paper's black image, in
    normalised values), blur; mask_order: stretch after upsampling (paper) or before (torch-cam); top_n: only the
    channels with the largest spatial standard deviation (Faster Score-CAM), N forwards.
    """

    score: Score = "prob"
    channel_softmax: bool = True
    baseline: Literal["none", "zero", "blur"] = "zero"
    mask_order: Order = "norm_after_up"
    top_n: Count | None = None

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return weighted_map(self.weights(layer).to(layer.activations.dtype), layer.activations)

    def weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K) channel weights."""
        used = live_channels(layer.activations)
        wanted = None
        if self.top_n is not None:
            wanted = most_varied(layer.activations, self.top_n)
            used = used & wanted
        scores = channel_scores(layer, order=self.mask_order, wanted=wanted).of(self.score)
        if self.channel_softmax:  # a shift, so the baseline's forward is not spent
            return live_softmax(scores, used)
        return torch.where(used, scores - self._baseline(layer)[:, None], 0)

    def _baseline(self, layer: LayerFeatures) -> Tensor:
        if self.baseline == "none":
            return torch.zeros_like(layer.scores)
        images = layer.images
        if self.baseline == "blur":
            images = blurred(images, sigma=BLUR_SIGMA * min(images.shape[-2:]))
        else:
            images = torch.zeros_like(images)
        return layer.once(("baseline", self.baseline, self.score), lambda: image_scores(layer, images, self.score))


def most_varied(activations: Tensor, count: int) -> Tensor:
    """(B, K) the `count` channels of largest spatial standard deviation; of equal ones the first."""
    spread = activations.flatten(2).std(2, correction=0)
    order = spread.argsort(stable=True, dim=1, descending=True)[:, : max(count, 0)]
    return torch.zeros_like(spread, dtype=torch.bool).scatter(1, order, True)
