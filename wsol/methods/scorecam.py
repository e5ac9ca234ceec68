"""Score-CAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.baselines import Baseline, baseline_images
from wsol.methods._common.box_bounds import cut_of
from wsol.methods._common.early_stop import Stop, approximate_scores, certified_scores, check_bounded
from wsol.methods._common.masks import (
    ORDER,
    SCORE,
    SOFTMAX,
    Order,
    Score,
    channel_scores,
    channel_weights,
    image_scores,
    live_channels,
    weighted_map,
)
from wsol.options import Count, PositiveShare, ShareBelowOne, option


@method(
    "scorecam",
    paper="Wang et al., Score-CAM, CVPR-W 2020, algorithm 1",
    year=2020,
    needs=("activations", "model"),
    cost="1F + K F",
    costly=True,
)
class ScoreCAM:
    """Score-CAM: each channel weighted by the class's score on the image masked by that channel.

    H_k = s(U(A_k)), s = min-max;  S_k = f(x * H_k) - f(x_b);  w = softmax_k(S) or S;  M = ReLU(sum_k w_k A_k)

    Identities: with the channel softmax any baseline x_b gives the same map (a softmax ignores a shift).
    Traps: four meanings are in use. Over probabilities the softmax bounds the ratio of two weights by e, so the map is
    close to the mean activation; over logits it is close to one channel. The official code has no softmax and no
    baseline (score=prob channel_softmax=false baseline=none). Flat channels get mask 0 and no weight; the official code
    returns nothing for a flat layer, here the map is 0. Stopping early gives another map. With
    stop=certified its box is exact Score-CAM's at the threshold `tau` of one protocol alone, and only in views of one
    crop; at other thresholds boxes may differ, so don't sweep over them.
    """

    score: Score = option("prob", help=SCORE)
    channel_softmax: bool = option(True, help=SOFTMAX)
    baseline: Baseline | Literal["none"] = option(
        "zero",
        help="whose score is subtracted: none, zeros (the paper's black image, in normalized values), or "
        "the blurred image",
    )
    mask_order: Order = option("norm_after_up", help=ORDER)
    top_n: Count | None = option(
        None,
        help="only that many channels, those of largest spatial standard deviation (Faster Score-CAM); null for all",
    )

    stop: Stop = option(
        "exact",
        help="exact tries all channels; certified stops where those left can't change the box of protocol at tau; "
        "approximate tries a share of them and predicts the scores of the others",
    )
    protocol: str = option("choe2020_v1", help="stop=certified: whose box must not change; one that has one box")
    tau: ShareBelowOne = option(0.2, help="stop=certified: the threshold at which it must not, a share of the maximum")
    share: PositiveShare = option(0.1, help="stop=approximate: of the channels that are tried")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return weighted_map(self.weights(layer), layer.activations)

    def weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K) channel weights."""
        used, wanted = live_channels(layer.activations), None
        if self.top_n is not None:
            wanted = most_varied(layer.activations, self.top_n)
            used = used & wanted
        baseline = None
        if self.baseline != "none" and not self.channel_softmax:  # which ignores a shift: no forward is spent on it
            baseline = self._baseline(layer, self.baseline)
        if self.stop == "exact":
            scores = channel_scores(layer, order=self.mask_order, wanted=wanted).of(self.score)
        else:
            scores = self._some_scores(layer, used, baseline)
        if baseline is not None:
            scores = scores - baseline[:, None]
        return channel_weights(scores, used, softmax=self.channel_softmax)

    def _some_scores(self, layer: LayerFeatures, used: Tensor, baseline: Tensor | None) -> Tensor:
        """(B, K) scores of the channels that are tried, and what stands for the others."""
        if self.stop == "approximate":
            return approximate_scores(layer, used, self.mask_order, self.score, self.share)
        check_bounded(self.score)
        if baseline is None and not self.channel_softmax:  # None would stand for a softmax
            baseline = torch.zeros_like(layer.scores)
        grid = (layer.activations.shape[2], layer.activations.shape[3])
        return certified_scores(layer, used, self.mask_order, cut_of(self.protocol, self.tau, grid), baseline)

    def _baseline(self, layer: LayerFeatures, baseline: Baseline) -> Tensor:
        """(B,) score of the image without the object."""
        images = baseline_images(layer.images, baseline)
        return layer.once(("baseline", baseline, self.score), lambda: image_scores(layer, images, self.score))


def most_varied(activations: Tensor, count: int) -> Tensor:
    """(B, K) the `count` channels of largest spatial standard deviation; of equal ones the first."""
    spread = activations.flatten(2).std(2, correction=0)
    order = spread.argsort(stable=True, dim=1, descending=True)[:, : max(count, 0)]
    return torch.zeros_like(spread, dtype=torch.bool).scatter(1, order, True)
