"""CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.errors import HeadError
from wsol.methods.base import Seen, method

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

    def __call__(self, seen: Seen) -> Tensor:
        head = head_of(seen, "cam")
        weights: Tensor = head.weight.to(seen.activations)[seen.targets]
        raw: Tensor = (weights[:, :, None, None] * before_pooling(seen, head)).sum(1)
        return raw.relu() if self.relu else raw


def head_of(seen: Seen, key: str) -> Head:
    """The linear head behind the layer, or a HeadError that says what to use in its place."""
    if seen.head is None:
        raise HeadError(
            f"{key} needs one linear layer after average pooling, and layer {seen.layer!r} is not followed by that; "
            "use gradcam, which is the same map where cam exists"
        )
    return seen.head


def before_pooling(seen: Seen, head: Head) -> Tensor:
    """(B, K, H, W) what the head averages: the activations, or their ReLU where the network has one (DenseNet)."""
    return seen.activations.relu() if head.kind == "relu_linear" else seen.activations
