"""Poly-CAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.masks import (
    behind,
    channel_scores,
    image_masks,
    live_channels,
    quantile,
    sweep,
    target_scores,
    weighted_map,
)
from wsol.methods._fusion import upsample

if TYPE_CHECKING:
    from torch import Tensor

LOW, HIGH = 0.001, 0.999  # the paper's percentiles, 0.1 and 99.9


@method(
    "polycam",
    paper="Englebert et al., Poly-CAM: High Resolution Class Activation Map, ICPR 2022",
    year=2022,
    needs=("activations", "model"),
    layers="all",
    cost="1F + K F",
)
class PolyCAM:
    """Poly-CAM: Score-CAM's weights at every layer, the coarse map multiplied into the next finer one.

    w_k = p(x * H_k) (plus), p(x) - p(x * (1 - H_k)) (minus), or their sum (plus_minus)
    P_l = ReLU(sum_k w_k A_k);  M_L = q(P_L);  M_l = q(P_l * U(M_{l+1})), q: 0.1 and 99.9 percentile to 0 and 1

    Traps: it fuses its layers itself; the fusion's options do not apply. `minus` takes K + 1 forwards a layer,
    `plus_minus` 2 K + 1. All five stages of a VGG-16 are 1472 channels.

    Options: variant = plus, minus, plus_minus.
    """

    variant: Literal["plus", "minus", "plus_minus"] = "plus"

    def joint(self, layers: Sequence[LayerFeatures]) -> Tensor:
        fused: Tensor | None = None
        for layer in reversed(layers):
            raw = weighted_map(self._weights(layer).to(layer.activations.dtype), layer.activations)
            if fused is not None:
                raw = raw * upsample(fused, (raw.shape[-2], raw.shape[-1]))
            fused = stretched(raw)
        assert fused is not None
        return fused

    def _weights(self, layer: LayerFeatures) -> Tensor:
        plus = channel_scores(layer, order="norm_after_up").of("prob") if self.variant != "minus" else None
        minus = layer.once("left_out", lambda: left_out(layer)) if self.variant != "plus" else None
        if plus is None or minus is None:
            whole = minus if plus is None else plus
            assert whole is not None
            return whole
        return plus + minus


def left_out(layer: LayerFeatures) -> Tensor:
    """(B, K) p(x) - p(x * (1 - H_k)); 0 for flat channels."""
    live = live_channels(layer.activations)
    size = (layer.images.shape[-2], layer.images.shape[-1])

    def inputs(image: Tensor, channel: Tensor) -> Tensor:
        return behind(layer.images[image], 1 - image_masks(layer.activations[image, channel], size, "norm_after_up"))

    rest = sweep(layer, live, inputs).of("prob")
    return torch.where(live, target_scores(layer.logits, layer.targets, "prob")[:, None] - rest, 0)


def stretched(raw: Tensor) -> Tensor:
    """(B, H, W) with the percentiles at 0 and 1, clipped; a flat map becomes 0."""
    flat = raw.flatten(1)
    low, high = (quantile(flat, q)[:, None, None] for q in (LOW, HIGH))
    span = high - low
    return torch.where(span > 0, (raw - low) / torch.where(span > 0, span, 1), 0).clamp(0, 1)
