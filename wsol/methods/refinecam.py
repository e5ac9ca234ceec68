"""RefineCAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.masks import minmax
from wsol.methods._common.meta import base_method
from wsol.methods._fusion import upsample

if TYPE_CHECKING:
    from torch import Tensor


@method("refinecam", paper="RefineCAM, as in torch-cam and pytorch-grad-cam, 2025", year=2025, layers="all")
class RefineCAM:
    """RefineCAM: another method's maps of several layers, multiplied.

    M = s(prod_l U(s(M_l))), s = min-max

    Traps: it fuses its layers itself; the fusion's options do not apply. One layer with an empty map empties the
    product.

    Options: base = any method of the shared pass; size = largest (of the layers, as torch-cam) or input
    (pytorch-grad-cam).
    """

    base: str = "gradcam_pp"
    size: Literal["largest", "input"] = "largest"

    def joint(self, layers: Sequence[LayerFeatures]) -> Tensor:
        base = base_method(self.base, of="refinecam")
        maps = [minmax(base(layer)) for layer in layers]
        shapes = [tuple(m.shape[-2:]) for m in maps]
        height, width = max(shapes, key=lambda s: s[0] * s[1])
        if self.size == "input":
            height, width = layers[0].images.shape[-2:]
        return minmax(torch.stack([upsample(m, (height, width)) for m in maps]).prod(0))
