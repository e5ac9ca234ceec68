"""SmoothGrad, its square and VarGrad."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.color import PixelMethod
from wsol.methods._common.noise import noisy_images
from wsol.models.forward import INPUT
from wsol.options import Count, NotNegative, option


@method(
    "smoothgrad",
    paper="Smilkov et al., SmoothGrad, 2017; squared and variance: Adebayo et al., 2018; Hooker et al., 2019",
    year=2017,
    needs=("model",),
    layers="input",
    cost="1F + samples F + samples B",
    costly=True,
    quick={"samples": 10},
    stochastic=True,
)
class SmoothGrad(PixelMethod):
    """SmoothGrad: the gradient averaged over noisy copies of the image.

    G_i = dy/dx at x + noise_i;  M = max over colors of |mean G| (`mean`), mean G^2 (`squared`) or var G (`var`)

    Identities: noise=0 is the vanilla gradient (mean) and its square (squared); var is then 0.
    Traps: noise has standard deviation `noise` times (max - min) of the image; the inverse, and that value as a
    variance, are in use elsewhere.
    """

    samples: Count = option(25, help="noisy copies")
    noise: NotNegative = option(0.15, help="standard deviation in units of the image's (max - min)")
    statistic: Literal["mean", "squared", "var"] = option(
        "mean", help="of the gradients: mean, mean square, or variance (VarGrad)"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        mean, squared, var = layer.once(("smoothgrad", self.samples, self.noise), lambda: self._moments(layer))
        signal = {"mean": mean, "squared": squared, "var": var}[self.statistic].to(layer.logits.dtype)
        return self.one_map(signal)

    def _moments(self, layer: LayerFeatures) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, mean square and variance over the samples, (B, 3, h, w) float64, in one pass (Welford, 1962)."""
        mean = torch.zeros_like(layer.images, dtype=torch.float64)
        spread, square = torch.zeros_like(mean), torch.zeros_like(mean)
        noisy = noisy_images(layer, samples=self.samples, noise=self.noise)
        for count, images in enumerate(noisy, start=1):
            gradient = layer.query.forward_backward(images, layer.targets, [INPUT]).gradients[INPUT].double()
            away = gradient - mean
            mean = mean + away / count
            spread = spread + away * (gradient - mean)
            square = square + gradient**2
        return mean, square / self.samples, spread / self.samples
