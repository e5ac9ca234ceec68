"""Our methods beside other libraries' own (`peers.py`), on the same images: how far apart, and why.

wsol parity model=shapes_vgg --images 8
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol.datasets.labels import match_class_indices
from wsol.errors import ConfigError
from wsol.evaluation.build import load_dataset, load_model, view_of
from wsol.evaluation.device import engine_of, extractor_of
from wsol.localization.iou import iou
from wsol.localization.localize import boxes_along
from wsol.localization.normalize import normalize
from wsol.localization.records import ImageMap
from wsol.localization.resize import resize
from wsol.methods import methods
from wsol.methods._variants import expand, takes_layers
from wsol.models.heads import head_behind
from wsol.models.stages import resolve_layer, stages
from wsol.protocols import protocols
from wsol.registry import load_file
from wsol.views import view_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAU = 0.2  # of the maximum: CAM's threshold (Zhou et al., 2016); where the compared boxes are taken
peers = load_file(Path(__file__).with_name("peers.py"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far two maps are apart, over images: mean correlation, largest difference, mean IoU of boxes."""

    ours: str
    theirs: str
    correlation: float
    max_difference: float
    box_iou: float
    n: int
    reason: str


def parity(settings: Mapping[str, Any], *, images: int, layers: str = "last") -> list[Parity]:
    """Compare every installed peer with our method, on the first images of a dataset.

    Both maps are cut at zero, brought to the input size (bilinear) and min-max normalized, as users see them. Methods
    that need a linear head are left out where there is none behind the layer.

    Parameters
    ----------
    settings : as composed for `wsol run`; dataset, model, view, engine and seed are used.
    layers : of both methods, where they take any.

    Raises
    ------
    ConfigError : no other library is installed.
    """
    if not peers.INSTALLED:
        raise ConfigError("no other library is installed; get them with: pip install 'wsol[peers]'")
    classifier = load_model(settings["model"])
    engine, view = engine_of(settings), view_of(settings, classifier)
    extractor = extractor_of(classifier, engine, seed=settings["seed"])
    data = match_class_indices(load_dataset(settings["dataset"]), classifier.class_names, classifier.num_classes)
    samples = data.samples()[:images]
    crops = [view.inputs(data.image(sample))[0] for sample in samples]
    inputs = extractor.tensor([classifier.normalized(crop) for crop in crops])
    targets, ids = torch.tensor([sample.label for sample in samples]), [sample.image_id for sample in samples]
    head = head_behind(extractor.module, resolve_layer(classifier, layers), inputs[:1], grids=extractor.grids)
    cache: dict[str, NDArray[Any]] = {}

    def maps(key: str, options: Mapping[str, Any]) -> tuple[str, NDArray[Any]]:
        whole = {**options, "layers": layers} if takes_layers(methods[key].info) else dict(options)
        resolve = lambda name: resolve_layer(classifier, name)  # noqa: E731
        (variant,) = expand({key: whole}, resolve=resolve, stages=list(stages(classifier)))
        if variant.id not in cache:
            raws = extractor.maps(inputs, targets, ids, [variant]).raw(variant.id)
            cache[variant.id] = np.stack([_as_seen(raw, inputs) for raw in raws])
        return variant.id, cache[variant.id]

    rows = []
    for peer in peers.INSTALLED:
        if head is None and peer.head:
            continue
        (ours, a), (theirs, b) = maps(peer.ours, peer.options), maps(peer.key, {})
        rows.append(
            Parity(
                ours=ours,
                theirs=theirs,
                correlation=float(np.mean([_correlation(x, y) for x, y in zip(a, b, strict=True)])),
                max_difference=float(np.abs(a - b).max()),
                box_iou=float(np.mean([_box_iou(x, y) for x, y in zip(a, b, strict=True)])),
                n=len(samples),
                reason=peer.difference or "the same rule",
            )
        )
    return rows


def _as_seen(raw: NDArray[Any], inputs: torch.Tensor) -> NDArray[Any]:
    size = (inputs.shape[-1], inputs.shape[-2])
    return normalize(resize(np.maximum(raw, 0), size, rule="bilinear"), rule="minmax")


def _correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Pearson's; 1 for two flat maps, 0 where one of them is flat."""
    if a.std() == 0 or b.std() == 0:
        return float(a.std() == b.std())
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _box_iou(a: NDArray[Any], b: NDArray[Any]) -> float:
    """IoU of the two largest boxes above `TAU`; 1 when neither has one."""
    height, width = a.shape
    layout = view_named("squash", width).layout((width, height))
    items = [ImageMap(raw=raw, layout=layout, boxes_xyxy=np.zeros((0, 4))) for raw in (a, b)]
    first, second = (boxes_along(item, protocols["exact"], [TAU])[0] for item in items)
    if not len(first) or not len(second):
        return float(len(first) == len(second))
    return float(iou(first, second, convention="continuous")[0, 0])
