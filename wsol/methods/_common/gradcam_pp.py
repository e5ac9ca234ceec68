"""Channel weights (B, K) of Grad-CAM++ in three readings, from activations A and gradients g (B, K, H, W)."""

import torch
from torch import Tensor

CANCELLED = 1e-6  # a denominator this small against its terms is rounding noise; only signed activations get there


def paper(totals: Tensor, positive: Tensor) -> Tensor:
    """Equation 19: sum alpha ReLU(g) = sum r / (2 + S r), from S_k (B, K) and r = ReLU(g).

    These are the largest arrays of any method, so each is made once and then changed in place.
    """
    terms = totals[:, :, None, None] * positive
    terms += 2
    if totals.is_cuda or bool((totals < 0).any()):  # asking a GPU would wait for all that it has to do
        terms.masked_fill_(terms.abs() <= 4 * CANCELLED, float("inf"))  # S r is about -2 there, and its terms sum to 4
    return torch.div(positive, terms, out=terms).sum((2, 3))


def author_code(activations: Tensor, gradients: Tensor) -> Tensor:
    """Alpha made to sum to 1 over the positive gradients."""
    alpha = paper_alpha(activations, gradients)
    weights = (alpha * gradients.relu()).sum((2, 3))
    kept = torch.where(gradients > 0, alpha, 0)
    total = kept.sum((2, 3))
    usable = total.abs() > CANCELLED * kept.abs().sum((2, 3))
    return torch.where(usable, weights / torch.where(usable, total, 1), 0)


def sum_ag3(activations: Tensor, gradients: Tensor) -> Tensor:
    """Alpha is g^2 / (2 g^2 + sum(A g^3)), the mixed indices of several ports; weights may be negative.

    Gradients are scaled first: their cubes underflow in float32.
    """
    largest = gradients.abs().amax((2, 3), keepdim=True)
    unit = gradients / torch.where(largest > 0, largest, 1)
    terms = largest * activations * unit**3
    denominator = 2 * unit**2 + terms.sum((2, 3), keepdim=True)
    usable = denominator.abs() > CANCELLED * (2 * unit**2 + terms.abs().sum((2, 3), keepdim=True))
    alpha = torch.where(usable, unit**2 / torch.where(usable, denominator, 1), 0)
    return (alpha * gradients.relu()).sum((2, 3))


def paper_alpha(activations: Tensor, gradients: Tensor) -> Tensor:
    """(B, K, H, W) 1 / (2 + S_k g) where g is not 0, else 0: equation 19 without 0/0 and without an epsilon."""
    product = activations.sum((2, 3), keepdim=True) * gradients
    denominator = 2 + product
    least = product.abs_().add_(2).mul_(CANCELLED)  # in place: these are the largest arrays of any method
    usable = (gradients != 0) & (denominator.abs() > least)
    return denominator.masked_fill_(~usable, float("inf")).reciprocal_()
