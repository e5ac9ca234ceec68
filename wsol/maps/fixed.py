"""Maps that no image and no network decide (the center controls): from sizes alone.

They are the floor of every table, and the only numbers of a published protocol that anybody can check without images.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from wsol.maps.source import Loaded, MapSource, RawMaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.datasets.base import Sample
    from wsol.methods._base import Method, MethodInfo
    from wsol.methods._variants import Variant
    from wsol.views import View

SIDE = 224  # of the view, where no network says otherwise: the 2020 protocol's


@dataclass(frozen=True)
class FixedMaps(MapSource):
    """For methods that give the same map for every image of one size; no image is opened."""

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        return Loaded(sample=sample)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        layouts = [view.layout(one.sample.size_wh) for one in loaded]

        def crops(variant: Variant, image: int) -> list[NDArray[Any]]:
            return [_crop_map(cast("Hashable", variant.method), p.side) for p in layouts[image].placements]

        return RawMaps(view=view, loaded=loaded, layouts=layouts, crops=crops)


def is_fixed(info: MethodInfo) -> bool:
    """Whether a method gives the same map for every image of one size."""
    return not info.needs and info.layers == "input" and not info.stochastic


@lru_cache(maxsize=64)
def _crop_map(fixed: Hashable, side: tuple[int, int]) -> NDArray[Any]:
    import torch

    from wsol.methods._features import LayerFeatures
    from wsol.models.query import ModelQuery

    blank = torch.zeros(1, 3, side[1], side[0])
    features = LayerFeatures(
        name="input",
        activations=blank,
        _gradients=None,
        logits=torch.zeros(1, 1),
        targets=torch.zeros(1, dtype=torch.long),
        images=blank,
        image_ids=("",),
        seed=0,
        _head=lambda: None,
        query=ModelQuery(torch.nn.Identity()),
    )
    raw: NDArray[Any] = cast("Method", fixed)(features)[0].float().numpy()
    return raw
