"""Opti-CAM."""

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.masks import SCORE, Score, target_scores, weighted_sum
from wsol.methods._common.sizes import resized
from wsol.methods._common.stretch import minmax
from wsol.models.forward import INPUT
from wsol.options import Count, NotNegative, option

BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam's usual ones (Kingma & Ba, 2015)


@method(
    "opticam",
    paper="Zhang et al., Opti-CAM: Optimizing Saliency Maps for Interpretability, CVIU 2024",
    year=2023,
    needs=("activations", "model"),
    cost="1F + iterations F + iterations B",
    costly=True,
    quick={"iterations": 20},
)
class OptiCAM:
    """Opti-CAM: the weighted sum of channels that, as a mask, gives the highest score, by gradient ascent.

    M(w) = sum_k softmax(w)_k ReLU(A_k);  w* = argmax_w f(x * s(U(M(w)))), Adam from equal weights;  M = M(w*)

    Traps: each image keeps its own best step and stops on its own, so the batch does not matter; the official code
    stops on the sum over the batch.
    """

    iterations: Count = option(50, help="gradient steps")
    rate: NotNegative = option(0.1, help="Adam's learning rate")
    score: Score = option("logit", help=SCORE)
    tolerance: NotNegative = option(
        0.0, help="an image stops when its score changes by less than this share in one step; 0 for never"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return self._mixed(layer, self._best(layer))

    def _mixed(self, layer: LayerFeatures, weights: Tensor) -> Tensor:
        """(B, K) weights before their softmax to raw maps (B, H, W)."""
        return weighted_sum(weights.softmax(1), layer.activations.relu())

    def _best(self, layer: LayerFeatures) -> Tensor:
        """(B, K) the weights of each image's highest score."""
        weights = torch.full(layer.activations.shape[:2], 0.5).to(layer.activations)
        slope, curve = torch.zeros_like(weights), torch.zeros_like(weights)
        best, top, last = weights.clone(), None, None
        running = torch.ones(len(weights), dtype=torch.bool, device=weights.device)
        for step in range(1, self.iterations + 1):
            score, gradient = self._climb(layer, weights)
            better = running if top is None else running & (score > top)
            best = torch.where(better[:, None], weights, best)
            top = score if top is None else torch.where(better, score, top)
            if last is not None:
                running = running & ((score - last).abs() >= self.tolerance * last.abs())
            last = score
            if not bool(running.any()):
                break
            slope = BETAS[0] * slope + (1 - BETAS[0]) * gradient
            curve = BETAS[1] * curve + (1 - BETAS[1]) * gradient**2
            size = (curve / (1 - BETAS[1] ** step)).sqrt() + EPSILON
            weights = weights + self.rate * slope / (1 - BETAS[0] ** step) / size
        return best

    def _climb(self, layer: LayerFeatures, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) scores behind the mixed map, and their (B, K) gradients."""
        with torch.enable_grad():
            free = weights.detach().requires_grad_()
            mask = minmax(resized(self._mixed(layer, free), layer.input_size))
        masked = (layer.images * mask.detach()[:, None].to(layer.images.dtype)).detach()
        result = layer.query.forward_backward(
            masked, layer.targets, [INPUT], score=lambda logits, targets: target_scores(logits, targets, self.score)
        )
        by_mask = (result.gradients[INPUT] * layer.images).sum(1).to(mask.dtype)
        with torch.enable_grad():
            along = (mask * by_mask).sum()  # given as grad_outputs, it would make torch import sympy
        (gradient,) = torch.autograd.grad(along, free)
        return target_scores(result.logits, layer.targets, self.score), gradient
