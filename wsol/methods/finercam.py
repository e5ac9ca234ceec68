"""Finer-CAM."""

from dataclasses import replace

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.meta import BASE, base_method
from wsol.models.scores import target_logit
from wsol.options import Count, option


@method(
    "finercam",
    paper="Zhang et al., Finer-CAM: Spotting the Difference, CVPR 2025, eq. 5",
    year=2025,
    needs=("activations", "model"),
    cost="2F + 1B",
)
class FinerCAM:
    """Finer-CAM: another method, with the score replaced by what tells the class from its most similar ones.

    y' = y_c - alpha sum_t p_t y_dt / sum_t p_t, d_1..d_T the classes whose logits are nearest to y_c
    p_t: their probabilities, which are differentiated too;  M = base method on y'

    Identities: alpha=0 is the base method.
    Traps: weighted by probability as in the authors' code, which is pytorch-grad-cam's; weighted=false is the plain
    mean, which torch-cam takes with alpha=0.6. Neighbors are chosen by logit, not by meaning.
    """

    base: str = option("gradcam", help=BASE)
    alpha: float = option(1.0, help="weight of the similar classes' mean logit")
    references: Count = option(3, help="T, how many similar classes")
    weighted: bool = option(
        True,
        help="weight the similar classes by their probability, as the authors' code does; false for the plain mean",
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        base = base_method(self.base, of="finercam")
        similar = nearest_classes(layer.logits, layer.targets, self.references)

        def finer(logits: Tensor, targets: Tensor) -> Tensor:
            # The softmax over the similar classes alone has the same shares, and never divides 0 by 0.
            near = logits.gather(1, similar)
            shares = near.softmax(1) if self.weighted else 1 / max(1, similar.shape[1])
            return target_logit(logits, targets) - self.alpha * (shares * near).sum(1)

        key = ("finer", self.alpha, self.references, self.weighted)
        result = layer.once(
            key, lambda: layer.query.forward_backward(layer.images, layer.targets, [layer.name], score=finer)
        )
        return base(replace(layer, _gradients=result.gradients[layer.name], memo={}))


def nearest_classes(logits: Tensor, targets: Tensor, count: int) -> Tensor:
    """(B, T) the classes whose logits are nearest to the target's, itself left out; of equal ones the first."""
    distance = (logits - logits.gather(1, targets[:, None])).abs()
    distance = distance.scatter(1, targets[:, None], torch.inf)
    return distance.argsort(stable=True, dim=1)[:, : min(count, logits.shape[1] - 1)]
