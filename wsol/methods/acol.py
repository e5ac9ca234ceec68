"""The map of adversarial complementary learning."""

import torch
from torch import Tensor

from wsol.errors import HeadError
from wsol.methods import LayerFeatures, method
from wsol.models.cost import Cost
from wsol.models.forward import wide
from wsol.models.network import evaluating
from wsol.models.networks._acol import TwoBranches, unit_range
from wsol.options import Share, option


@method(
    "acol",
    paper="Zhang et al., Adversarial Complementary Learning for Weakly Supervised Object Localization, CVPR 2018, "
    "sec. 3.2",
    year=2018,
    needs=("branches",),
    layers="input",
    cost="2F",
)
class ACoL:
    """ACoL: the larger of two branches' class maps in each cell, where the second branch sees what the first one left.

    M = max(stretch(A_c), stretch(B_c));  B sees the features where stretch(A_c) < threshold, and zeros elsewhere

    Identities: with threshold 1 all but the cells of A's maximum are left.
    Traps: for networks trained with these branches (model.head=acol). The threshold should be that of the training,
    which a checkpoint does not hold. What is erased depends on the class, so no layer of the usual pass has B's map.
    Stretched from its minimum to its maximum, a map that is flat counts as zeros.
    """

    threshold: Share = option(0.7, help="of the first branch's map from which on the second sees zeros (delta)")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        module = layer.query.module
        if not isinstance(module, TwoBranches):
            raise HeadError(
                f"ACoL needs a network with two branches, and {type(module).__name__} has none; give one with "
                "model.head=acol, or use cam"
            )
        return torch.cat([self._map(module, layer, part) for part in layer.query.parts(len(layer.images))])

    def _map(self, module: TwoBranches, layer: LayerFeatures, part: slice) -> Tensor:
        images, targets = layer.images[part], layer.targets[part]
        layer.query.cost += Cost(forwards=len(images))
        with torch.no_grad(), evaluating(module):
            branches = module.both(images, targets, self.threshold)
        own = torch.arange(len(images)), targets.cpu()
        first, second = (unit_range(wide(maps)[own][:, None])[:, 0] for maps in (branches.maps, branches.maps_b))
        return torch.maximum(first.nan_to_num(0), second.nan_to_num(0))
