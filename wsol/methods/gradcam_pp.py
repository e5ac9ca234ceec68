"""Grad-CAM++."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method

if TYPE_CHECKING:
    from torch import Tensor

CANCELLED = 1e-6  # a denominator this small against its terms is rounding noise; only signed activations get there


@method("gradcam_pp", paper="Chattopadhyay et al., Grad-CAM++, WACV 2018, eq. 19", year=2018)
class GradCAMpp:
    """Grad-CAM++: each channel weighted by its positive gradients, cells with a large one counting less.

    alpha = g^2 / (2 g^2 + S_k g^3) = 1 / (2 + S_k g), S_k = sum of A_k
    w_k = sum alpha ReLU(g);  M = ReLU(sum_k w_k A_k)

    Identities: w_k = sum over g > 0 of g / (2 + S_k g); on a GAP head w_k = n ReLU(g) / (2 + g S_k).
    Traps: the equation holds for exp(y) as the score, whose factor is constant per image and left out. An absolute
    epsilon in the denominator swamps real gradients (1e-6 is more than 2 g^2 + S g^3 for most channels of a ResNet-50).
    Where signed activations make 2 + S_k g cancel to nothing, the cell is left out.

    Options: alpha = paper (eq. 19); author_code (alpha made to sum to 1 over positive gradients); sum_ag3 (denominator
    2 g^2 + sum(A g^3), as several ports have it; weights may turn negative).
    """

    alpha: Literal["paper", "author_code", "sum_ag3"] = "paper"

    def __call__(self, layer: LayerFeatures) -> Tensor:
        weights = self.weights(layer.activations, layer.gradients)
        return (weights[:, :, None, None] * layer.activations).sum(1).relu()

    def weights(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """(B, K) channel weights."""
        positive = gradients.relu()
        if self.alpha == "sum_ag3":
            alpha = ag3_alpha(activations, gradients)
            return (alpha * positive).sum((2, 3))
        alpha = paper_alpha(activations, gradients)
        weights = (alpha * positive).sum((2, 3))
        if self.alpha == "author_code":
            kept = torch.where(gradients > 0, alpha, 0)
            whole = kept.sum((2, 3))
            usable = whole.abs() > CANCELLED * kept.abs().sum((2, 3))
            weights = torch.where(usable, weights / torch.where(usable, whole, 1), 0)
        return weights


def paper_alpha(activations: Tensor, gradients: Tensor) -> Tensor:
    """(B, K, H, W) 1 / (2 + S_k g) where g is not 0, else 0: equation 19 without 0/0 and without an epsilon."""
    product = activations.sum((2, 3), keepdim=True) * gradients
    denominator = 2 + product
    least = product.abs_().add_(2).mul_(CANCELLED)  # in place: these are the largest arrays of any method
    usable = (gradients != 0) & (denominator.abs() > least)
    return denominator.masked_fill_(~usable, float("inf")).reciprocal_()


def ag3_alpha(activations: Tensor, gradients: Tensor) -> Tensor:
    """(B, K, H, W) g^2 / (2 g^2 + sum(A g^3)), the mixed indices of some ports.

    Gradients are scaled first: their cubes underflow in float32.
    """
    largest = gradients.abs().amax((2, 3), keepdim=True)
    unit = gradients / torch.where(largest > 0, largest, 1)
    terms = largest * activations * unit**3
    denominator = 2 * unit**2 + terms.sum((2, 3), keepdim=True)
    usable = denominator.abs() > CANCELLED * (2 * unit**2 + terms.abs().sum((2, 3), keepdim=True))
    return torch.where(usable, unit**2 / torch.where(usable, denominator, 1), 0)
