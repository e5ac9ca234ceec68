"""RefineCAM."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.meta import BASE, base_method
from wsol.methods._common.sizes import largest, resized
from wsol.methods._common.stretch import minmax
from wsol.options import option


@method("refinecam", paper="RefineCAM, as in torch-cam and pytorch-grad-cam, 2025", year=2025, layers="all")
class RefineCAM:
    """RefineCAM: another method's maps of several layers, multiplied.

    M = s(prod_l U(s(M_l))), s = min-max

    Traps: it fuses its layers itself; the fusion's options do not apply. One layer with an empty map empties the
    product.
    """

    base: str = option("gradcam_pp", help=BASE)
    size: Literal["largest", "input"] = option(
        "largest", help="of the result: the largest layer's (torch-cam), or the network input's (pytorch-grad-cam)"
    )

    def joint(self, layers: Sequence[LayerFeatures]) -> Tensor:
        base = base_method(self.base, of="refinecam")
        maps = [minmax(base(layer)) for layer in layers]
        size = layers[0].input_size if self.size == "input" else largest(maps)
        return minmax(torch.stack([resized(m, size) for m in maps]).prod(0))
