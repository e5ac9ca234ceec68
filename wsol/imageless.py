"""Maps that no image and no network decide (the centre controls): scored from sizes and boxes alone.

They are the floor of every table, and the only numbers of a published protocol that anybody can check without images.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from wsol.localise import final_map, locate, locate_frame, place
from wsol.methods.base import LayerFeatures
from wsol.models.forward import INPUT
from wsol.models.query import ModelQuery
from wsol.rows import facts, located_columns
from wsol.views import Layout, View, merge_crops

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from wsol.datasets.base import Sample
    from wsol.experiment import Experiment
    from wsol.methods.base import Method, MethodInfo
    from wsol.protocols.base import Protocol
    from wsol.store import RunFolder, Shard
    from wsol.variants import Variant

SIDE = 224  # of the view, where no network says otherwise: the 2020 protocol's


@dataclass(frozen=True, slots=True)
class NoNetwork:
    """Stands where an experiment's classifier does, for methods that ask for none."""

    name: str = "none"
    weights_id: str = "none"
    num_classes: int = 0
    class_names: tuple[str, ...] = ()
    input_size: int = SIDE


def is_fixed(info: MethodInfo) -> bool:
    """Whether a method gives the same map for every image of one size."""
    return not info.needs and info.layers == INPUT and not info.stochastic


def evaluate_boxes(
    experiment: Experiment,
    shard: Shard,
    folder: RunFolder,
    *,
    on_images: Callable[[int], None] = lambda n: None,
) -> Path | None:
    """What `evaluate_shard` does, without opening an image: rows without classification and costs."""
    left = experiment.work - folder.done(shard)
    if not left:
        return None
    protocols = {p.name: p for p in experiment.protocols}
    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(max_workers=experiment.threads) as pool:
        for variant in experiment.variants:
            own = [protocols[name] for key, name in sorted(left) if key == variant.key]
            samples = [experiment.samples[image_id] for image_id in shard.image_ids] if own else []
            rows += pool.map(lambda sample, v=variant, p=own: _row(experiment, sample, v, p), samples)
    on_images(len(shard.image_ids))
    return folder.write(shard, rows, left, experiment.about("fixed"))


def _row(experiment: Experiment, sample: Sample, variant: Variant, protocols: list[Protocol]) -> dict[str, Any]:
    row = facts(sample, variant)
    for protocol in protocols:
        view = experiment.view
        if protocol.view != "any" and (protocol.view, protocol.merge) != (view.name, view.merge):
            view = View(protocol.view, view.side, merge=protocol.merge)
        layout = view.layout(sample.size_wh)
        where = place(sample.boxes_xyxy, layout, sample.size_wh, protocol)
        if variant.info.constant_is_full:
            found = locate_frame(where.gt_boxes, where.size_wh, protocol)
        else:
            map01 = final_map(_raw(variant, view, layout), layout, where.size_wh, protocol)
            found = locate(map01, where.gt_boxes, protocol)
        row |= located_columns(found, protocol)
    return row


def _raw(variant: Variant, view: View, layout: Layout) -> NDArray[np.floating]:
    """The raw map on the canvas of a view, as if a blank image had been looked at."""
    crops = [_crop_map(cast("Hashable", variant.method), placement.side) for placement in layout.placements]
    return merge_crops(crops, layout, rule=view.merge)


@lru_cache(maxsize=64)
def _crop_map(fixed: Hashable, side: tuple[int, int]) -> NDArray[np.floating]:
    blank = torch.zeros(1, 3, side[1], side[0])
    seen = LayerFeatures(
        name=INPUT,
        activations=blank,
        _gradients=None,
        logits=torch.zeros(1, 1),
        targets=torch.zeros(1, dtype=torch.long),
        images=blank,
        image_ids=("",),
        seed=0,
        head=None,
        query=ModelQuery(torch.nn.Identity()),
    )
    found: NDArray[np.floating] = cast("Method", fixed)(seen)[0].float().numpy()
    return found
