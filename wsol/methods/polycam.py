"""Poly-CAM."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import (
    behind,
    channel_scores,
    image_masks,
    live_channels,
    sweep,
    target_scores,
    weighted_map,
)
from wsol.methods._common.sizes import resized
from wsol.methods._common.stretch import quantile, stretched
from wsol.options import option

LOW, HIGH = 0.001, 0.999  # the paper's percentiles, 0.1 and 99.9


@method(
    "polycam",
    paper="Englebert et al., Poly-CAM: High Resolution Class Activation Map, ICPR 2022",
    year=2022,
    needs=("activations", "model"),
    layers="all",
    cost="1F + K F",
    costly=True,
)
class PolyCAM:
    """Poly-CAM: Score-CAM's weights at every layer, the coarse map multiplied into the next finer one.

    w_k = p(x * H_k) (plus), p(x) - p(x * (1 - H_k)) (minus), or their sum (plus_minus)
    P_l = ReLU(sum_k w_k A_k);  M_L = q(P_L);  M_l = q(P_l * U(M_{l+1})), q: 0.1 and 99.9 percentile to 0 and 1

    Traps: it fuses its layers itself; the fusion's options do not apply. `minus` takes K + 1 forwards per layer,
    `plus_minus` 2 K + 1. All five stages of a VGG-16 are 1472 channels.
    """

    variant: Literal["plus", "minus", "plus_minus"] = option(
        "plus", help="score behind the mask (plus), fall of the score without what it shows (minus), or their sum"
    )

    def joint(self, layers: Sequence[LayerFeatures]) -> Tensor:
        fused: Tensor | None = None
        for layer in reversed(layers):
            raw = weighted_map(self._weights(layer), layer.activations)
            if fused is not None:
                raw = raw * resized(fused, raw.shape[-2:])
            low, high = (quantile(raw.flatten(1), share) for share in (LOW, HIGH))
            fused = stretched(raw, low, high).clamp(0, 1)
        assert fused is not None
        return fused

    def _weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K)."""
        if self.variant == "minus":
            return layer.once("left_out", lambda: left_out(layer))
        plus = channel_scores(layer, order="norm_after_up").of("prob")
        return plus if self.variant == "plus" else plus + layer.once("left_out", lambda: left_out(layer))


def left_out(layer: LayerFeatures) -> Tensor:
    """(B, K) p(x) - p(x * (1 - H_k)); 0 for flat channels."""
    live = live_channels(layer.activations)

    def inputs(image: Tensor, channel: Tensor) -> Tensor:
        masks = image_masks(layer.activations[image, channel], layer.input_size, "norm_after_up")
        return behind(layer.images[image], 1 - masks)

    rest = sweep(layer, live, inputs).of("prob")
    return torch.where(live, target_scores(layer.logits, layer.targets, "prob")[:, None] - rest, 0)
