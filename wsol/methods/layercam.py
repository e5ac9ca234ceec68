"""LayerCAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.methods.base import Seen, method

if TYPE_CHECKING:
    from torch import Tensor


@method("layercam", paper="Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps, TIP 2021", year=2021)
class LayerCAM:
    """LayerCAM: each location weighted by its own positive gradient.

    M = ReLU(sum_k ReLU(g_k) * A_k)

    Identities: equals element-wise Grad-CAM where A >= 0; equals CAM with ReLU(w), up to 1/n, on a GAP head.
    """

    def __call__(self, seen: Seen) -> Tensor:
        return (seen.gradients.relu() * seen.activations).sum(1).relu()
