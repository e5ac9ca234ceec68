"""Integrated gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.blur import blurred
from wsol.methods._common.color import Reduce, one_map
from wsol.methods.scorecam import BLUR_SIGMA
from wsol.models.forward import INPUT
from wsol.options import Count, NotNegative

if TYPE_CHECKING:
    from torch import Tensor


@method(
    "integratedgradients",
    paper="Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1",
    year=2017,
    needs=("model",),
    layers="input",
    cost="1F + steps F + steps B",
)
class IntegratedGradients:
    """Integrated gradients: the gradient averaged on the straight way from a baseline to the image, times that way.

    I = (x - x') * mean over t of dy/dx at x' + t (x - x'), t in the middle of each step;  M = sum over colours of |I|

    Identities: sum of I = y(x) - y(x'), up to the steps' error.
    Traps: without the factor (x - x'), as some code has it, the sum means nothing.

    Options: steps; baseline = zero (the mean colour, in normalised values), blur; reduce, abs, smooth_sigma.
    """

    steps: Count = 50
    baseline: Literal["zero", "blur"] = "zero"
    reduce: Reduce = "sum"
    abs: bool = True
    smooth_sigma: NotNegative = 0.0

    def __call__(self, layer: LayerFeatures) -> Tensor:
        signal = layer.once(("integrated", self.steps, self.baseline), lambda: self.attribution(layer))
        return one_map(signal, reduce=self.reduce, absolute=self.abs, smooth_sigma=self.smooth_sigma)

    def attribution(self, layer: LayerFeatures) -> Tensor:
        """(B, 3, h, w) signed, before colours are reduced."""
        images = layer.images
        start = torch.zeros_like(images)
        if self.baseline == "blur":
            start = blurred(images, sigma=BLUR_SIGMA * min(images.shape[-2:]))
        total = torch.zeros_like(images)
        for step in range(self.steps):
            point = start + (step + 0.5) / self.steps * (images - start)
            total = total + layer.query.forward_backward(point, layer.targets, [INPUT]).gradients[INPUT]
        return (images - start) * total / self.steps
