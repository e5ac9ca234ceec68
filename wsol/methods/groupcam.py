"""Group-CAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.blur import blurred
from wsol.methods._common.masks import (
    SCORE,
    Order,
    Score,
    behind,
    image_masks,
    live_channels,
    sweep,
    target_scores,
    weighted_map,
)
from wsol.methods._common.stretch import minmax, quantile
from wsol.options import Count, Share, option

BLUR_SIGMA, BLUR_RADIUS = 50 / 224, 25 / 224  # the official code's 51-pixel window of sigma 50 at 224


@method(
    "groupcam",
    paper="Zhang et al., Group-CAM, 2021, eq. 3-8",
    year=2021,
    needs=("activations", "gradients", "model"),
    cost="1F + 1B + groups F + 1F",
    costly=True,
)
class GroupCAM:
    """Group-CAM: Score-CAM with groups of gradient-weighted channels as masks, over a blurred image.

    w_k = mean(g_k);  m_l = s(D(ReLU(sum of w_k A_k over group l))), D keeps what reaches the map's `theta` quantile
    c_l = ReLU(f(x * U(m_l) + x_b * (1 - U(m_l))) - f(x_b)), x_b the blurred image;  M = ReLU(sum_l c_l m_l)

    Traps: groups are neighboring channels, in the network's order, as in the paper. An empty group gives mask 0 and no
    weight; the official code divides 0 by 0. Reading: masks are stretched at the layer's size and upsampled after that,
    so that the raw map is the sum of the very masks that were tried. The authors' code stretches after upsampling
    (mask_order=norm_after_up), and its state ffd807b has no theta and sums the group maps as they are, not stretched
    (theta=0 merge=raw): the preset groupcam_authors. Another of its states, 0b61fdd, has both as in the
    paper, and counts groups that lower the score as negative.
    """

    groups: Count = option(32, help="groups of neighboring channels")
    theta: Share = option(0.7, help="quantile of a group's map below which its mask is 0; 0 leaves the map as it is")
    merge: Literal["stretched", "raw"] = option(
        "stretched", help="what is summed: the groups' maps stretched to [0, 1], or as they are"
    )
    mask_order: Order = option("norm_before_up", help="stretch masks before upsampling, or after (authors' code)")
    score: Score = option("prob", help=SCORE)

    def __call__(self, layer: LayerFeatures) -> Tensor:
        groups = self._groups(layer)
        short = min(layer.input_size)
        background = blurred(layer.images, sigma=BLUR_SIGMA * short, radius=round(BLUR_RADIUS * short))
        floor = target_scores(layer.query.logits(background), layer.targets, self.score)
        used = live_channels(groups)

        def inputs(image: Tensor, group: Tensor) -> Tensor:
            fine = image_masks(groups[image, group], layer.input_size, self.mask_order).to(layer.images.dtype)
            return behind(layer.images[image], fine) + behind(background[image], 1 - fine)

        scores = sweep(layer, used, inputs).of(self.score)
        weights = torch.where(used, (scores - floor[:, None]).relu(), 0)
        return weighted_map(weights, minmax(groups) if self.merge == "stretched" else groups)

    def _groups(self, layer: LayerFeatures) -> Tensor:
        """(B, G, H, W), not negative."""
        weighted = layer.gradients.mean((2, 3), keepdim=True) * layer.activations
        groups = torch.tensor_split(weighted, min(self.groups, weighted.shape[1]), dim=1)
        summed = torch.stack([group.sum(1) for group in groups], 1).relu()
        limits = quantile(summed.flatten(2), self.theta)[:, :, None, None]
        return torch.where(summed >= limits, summed, 0)
