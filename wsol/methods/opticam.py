"""Opti-CAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.alone import one_by_one
from wsol.methods._common.masks import SCORE, Score, target_scores, weighted_sum
from wsol.methods._common.sizes import resized
from wsol.methods._common.stretch import minmax
from wsol.models.forward import INPUT
from wsol.options import Count, NotNegative, option

BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam's usual ones (Kingma & Ba, 2015)
CHECKS = 10  # times that the authors' code asks whether the score still grows


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

    M(w) = sum_k softmax(w)_k ReLU(A_k);  w* = argmax_w f(x * m + h * (1 - m)), m = s(U(M(w))), Adam from equal weights
    h = 0, the mean color in normalized values;  M = M(w*)

    Traps: the authors' code masks pixels in [0, 1], so h is black (hidden=black), and it keeps the last step and not
    the best, or the step at which the score is lower than a tenth of the steps before (keep=last): the preset
    opticam_authors. It compares sums over the batch; here each image stops on its own. The steps cross kinks of
    ReLU and pooling, where the last bit of a pass decides: passes over the whole batch moved maps by up to 5 % of their
    range when its size changed. So on the CPU each image has passes of its own; on a GPU the batch still moves them.
    """

    iterations: Count = option(50, help="gradient steps")
    rate: NotNegative = option(0.1, help="Adam's learning rate")
    score: Score = option("logit", help=SCORE)
    tolerance: NotNegative = option(
        0.0, help="an image stops when its score changes by less than this share in one step; 0 for never"
    )

    hidden: Literal["mean", "black"] = option("mean", help="color of what the mask hides")
    keep: Literal["best", "last"] = option(
        "best", help="step whose weights are kept: of the highest score, or the last (first at which the score fell)"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return torch.cat([self._mixed(part, self._climbed(part)) for part in one_by_one(layer)])

    def _mixed(self, layer: LayerFeatures, weights: Tensor) -> Tensor:
        """(B, K) weights before their softmax to raw maps (B, H, W)."""
        return weighted_sum(weights.softmax(1), layer.activations.relu())

    def _climbed(self, layer: LayerFeatures) -> Tensor:
        """(B, K) the weights of each image's highest score, or of its last step."""
        weights = torch.full(layer.activations.shape[:2], 0.5).to(layer.activations)
        slope, curve = torch.zeros_like(weights), torch.zeros_like(weights)
        best, last = weights, None
        top = checked = torch.full_like(layer.scores, -torch.inf)
        running = torch.ones_like(top, dtype=torch.bool)
        for step in range(1, self.iterations + 1):
            score, gradient = self._climb(layer, weights)
            better = running & (score > top)
            best = torch.where(better[:, None], weights, best)
            top = torch.where(better, score, top)
            if self.keep == "last" and (step - 1) % max(1, self.iterations // CHECKS) == 0:
                running = running & ~(score < checked)
                checked = score
            if last is not None:
                running = running & ((score - last).abs() >= self.tolerance * last.abs())
            last = score
            if not bool(running.any()):
                break
            slope = BETAS[0] * slope + (1 - BETAS[0]) * gradient
            curve = BETAS[1] * curve + (1 - BETAS[1]) * gradient**2
            size = (curve / (1 - BETAS[1] ** step)).sqrt() + EPSILON
            stepped = weights + self.rate * slope / (1 - BETAS[0] ** step) / size
            weights = torch.where(running[:, None], stepped, weights)
        return best if self.keep == "best" else weights

    def _climb(self, layer: LayerFeatures, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) scores behind the mixed map, and their (B, K) gradients."""
        with torch.enable_grad():
            free = weights.detach().requires_grad_()
            mask = minmax(resized(self._mixed(layer, free), layer.input_size))
        hidden = layer.black if self.hidden == "black" else torch.zeros_like(layer.images[:1])
        shown = layer.images - hidden
        masked = (shown * mask.detach()[:, None].to(shown.dtype) + hidden).detach()
        result = layer.query.forward_backward(
            masked, layer.targets, [INPUT], score=lambda logits, targets: target_scores(logits, targets, self.score)
        )
        by_mask = (result.gradients[INPUT] * shown).sum(1).to(mask.dtype)
        with torch.enable_grad():
            along = (mask * by_mask).sum()  # given as grad_outputs, it would make torch import sympy
        (gradient,) = torch.autograd.grad(along, free)
        return target_scores(result.logits, layer.targets, self.score), gradient
