"""CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.errors import HeadError
from wsol.methods._base import LayerFeatures, method

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.models.heads import Head


@method(
    "cam",
    paper="Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016, eq. 2",
    year=2016,
    needs=("activations", "head"),
    cost="1F",
)
class CAM:
    """CAM: each channel weighted by the class's weight in the linear layer behind the average pooling.

    M = sum_k W[c, k] A_k

    Identities: sum of M / n = y - b (n cells); M = n Grad-CAM before the ReLU.
    Traps: needs a network that ends in average pooling and one linear layer (VGG-16's three do not count). The map is
    signed, as in the paper and its code. The evaluators' mean over channels is the same map up to 1/K.

    Options: relu keeps the positive part.
    """

    relu: bool = False

    def __call__(self, layer: LayerFeatures) -> Tensor:
        head = head_of(layer, "cam")
        weights: Tensor = head.weight.to(layer.activations)[layer.targets]
        raw: Tensor = (weights[:, :, None, None] * before_pooling(layer, head)).sum(1)
        return raw.relu() if self.relu else raw


def head_of(layer: LayerFeatures, key: str) -> Head:
    """The linear head behind the layer, or a HeadError that says what to use in its place."""
    if layer.head is None:
        raise HeadError(
            f"{key} needs one linear layer after average pooling, and layer {layer.name!r} is not followed by that; "
            "use gradcam, which is the same map where cam exists"
        )
    return layer.head


def before_pooling(layer: LayerFeatures, head: Head) -> Tensor:
    """(B, K, H, W) what the head averages: the activations, or their ReLU where the network has one (DenseNet)."""
    return layer.activations.relu() if head.kind == "relu_linear" else layer.activations
