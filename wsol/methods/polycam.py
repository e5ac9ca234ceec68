"""Poly-CAM."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import behind, live_channels, sweep, target_scores, weighted_map
from wsol.methods._common.sizes import resized
from wsol.methods._common.stretch import quantile
from wsol.options import option

LOW, HIGH = 0.001, 0.999  # the paper's percentiles, 0.1 and 99.9
EPSILON = 1e-12  # the authors', below a local mean and below a percentile


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

    H_k = U(q(A_k)), q(A) = (A - q_0.1) / q_99.9 in [0, 1], its 0.1 and 99.9 percentiles
    w_k = p(x * H_k) (`plus`), ReLU(p(x) - p(x * (1 - H_k))) (`minus`), or ReLU of the sum of both (`plus_minus`)
    P_l = ReLU(sum_k w_k A_k);  M_L = P_L;  M_l = P_l / U(D(P_l)) * U(M_{l+1});  M = q(M_1)
    D: to the size of the next coarser layer, so that P_l is divided by its own local mean (LNorm)

    Traps: as the authors' code computes it. Without LNorm (lnorm=false, their ablation) the fine layers' strongest
    cells win, and boxes shrink to them. q divides by the high percentile and not by the span. It fuses its layers
    itself; the fusion's options do not apply. All five stages of a VGG-16 are 1472 channels. A channel that is flat but
    not zero has no weight here, and that of an empty mask there.
    """

    variant: Literal["plus", "minus", "plus_minus"] = option(
        "plus", help="score behind the mask (plus), fall of the score without what it shows (minus), or their sum"
    )
    lnorm: bool = option(True, help="divide each finer map by its local mean at the size of the coarser one (LNorm)")

    def joint(self, layers: Sequence[LayerFeatures]) -> Tensor:
        fused: Tensor | None = None
        for layer in reversed(layers):
            raw = weighted_map(self._weights(layer), layer.activations)
            if fused is not None:
                size = raw.shape[-2:]
                if self.lnorm:
                    raw = raw / resized(resized(raw, fused.shape[-2:]), size).clamp(min=EPSILON)
                raw = raw * resized(fused, size)
            fused = raw
        assert fused is not None
        return by_percentiles(fused)

    def _weights(self, layer: LayerFeatures) -> Tensor:
        """(B, K)."""
        live = live_channels(layer.activations)
        scores = torch.zeros_like(live, dtype=layer.logits.dtype)
        if self.variant != "minus":
            scores = layer.once("polycam plus", lambda: kept_scores(layer))
        if self.variant != "plus":
            rest = layer.once("polycam minus", lambda: kept_scores(layer, inverted=True))
            whole = target_scores(layer.logits, layer.targets, "prob")[:, None]
            scores = torch.where(live, scores + whole - rest, 0).relu()
        return scores


def kept_scores(layer: LayerFeatures, *, inverted: bool = False) -> Tensor:
    """(B, K) p(x * H_k), or p(x * (1 - H_k)) where `inverted`; 0 for flat channels."""

    def inputs(image: Tensor, channel: Tensor) -> Tensor:
        masks = resized(by_percentiles(layer.activations[image, channel]), layer.input_size)
        return behind(layer.images[image], 1 - masks if inverted else masks)

    return sweep(layer, live_channels(layer.activations), inputs).of("prob")


def by_percentiles(maps: Tensor) -> Tensor:
    """(..., H, W) less its low percentile, over its high one, in [0, 1]."""
    low, high = (quantile(maps.flatten(-2), share)[..., None, None] for share in (LOW, HIGH))
    return ((maps - low) / high.clamp(min=EPSILON)).clamp(0, 1)
