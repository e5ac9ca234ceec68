"""Integrated gradients."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.alone import one_by_one
from wsol.methods._common.baselines import Baseline, baseline_images
from wsol.methods._common.color import PixelMethod, Reduce
from wsol.models.forward import INPUT
from wsol.options import Count, option


@method(
    "integratedgradients",
    paper="Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1",
    year=2017,
    needs=("model",),
    layers="input",
    cost="1F + steps F + steps B",
    costly=True,
    quick={"steps": 10},
)
class IntegratedGradients(PixelMethod):
    """Integrated gradients: the gradient averaged on the straight way from a baseline to the image, times that way.

    I = (x - x') * mean over t of dy/dx at x' + t (x - x'), t in the middle of each step;  M = sum over colors of |I|

    Identities: sum of I = y(x) - y(x'), up to the steps' error.
    Traps: without the factor (x - x'), as some code has it, the sum means nothing.
    """

    steps: Count = option(50, help="points on the way")
    baseline: Baseline = option(
        "zero", help="where it starts: zeros (the mean color in normalized values) or the blurred image"
    )
    reduce: Reduce = "sum"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self.one_map(layer.once(("integrated", self.steps, self.baseline), lambda: self._of_each(layer)))

    def _of_each(self, layer: LayerFeatures) -> Tensor:
        """As `attribution`; a ReLU at 0 in one of the passes moved a pixel by 1e-5 from batch to batch."""
        return torch.cat([self.attribution(one) for one in one_by_one(layer)])

    def attribution(self, layer: LayerFeatures) -> Tensor:
        """(B, 3, h, w) signed, before colors are reduced."""
        images = layer.images
        start = baseline_images(images, self.baseline)
        total = torch.zeros_like(images)
        for step in range(self.steps):
            point = start + (step + 0.5) / self.steps * (images - start)
            total = total + layer.query.forward_backward(point, layer.targets, [INPUT]).gradients[INPUT]
        return (images - start) * total / self.steps
