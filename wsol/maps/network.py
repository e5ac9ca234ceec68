"""A network as a source of raw maps: images of a dataset, under any view, in batches of one size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wsol.maps.cost import VariantCost
from wsol.maps.source import Loaded, MapSource, RawMaps, load_pixels
from wsol.models.allocator import give_back_freed_memory
from wsol.models.forward import INPUT
from wsol.models.memory import Fitting

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from wsol.datasets.base import Dataset, Sample
    from wsol.maps.batch_maps import BatchMaps
    from wsol.maps.extractor import MapExtractor
    from wsol.methods._variants import Variant
    from wsol.models.classifier import Classifier
    from wsol.models.query import ModelQuery
    from wsol.views import View


@dataclass
class NetworkMaps(MapSource):
    """Images of a dataset through a network.

    Attributes
    ----------
    batch_size : network inputs at a time; an image may have ten. Where they don't fit into memory, the batch is halved,
        for all further ones too, and `VariantCost.batch` says so.
    measured_batches : of each input size, in which each variant is timed as if it ran alone, by passes of its own.
    """

    dataset: Dataset
    classifier: Classifier
    extractor: MapExtractor
    batch_size: int
    measured_batches: int = 3  # the first one also pays for what the libraries prepare

    def __post_init__(self) -> None:
        self._measured: dict[tuple[str, tuple[int, ...]], int] = defaultdict(int)
        self._fitting = Fitting()
        self._size: tuple[int, ...] = ()  # of the inputs before

    @property
    def query(self) -> ModelQuery:
        return self.extractor.query

    def remap(self, image: Tensor, sample: Sample, variant: Variant) -> NDArray[Any]:
        maps = self.extractor.maps(
            image[None].to(self.extractor.dtype), torch.tensor([sample.label]), [sample.image_id], [variant]
        )
        if maps.failures:
            raise RuntimeError(next(iter(maps.failures.values())))
        raw: NDArray[Any] = maps.raw(variant.id)[0]
        return raw

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        pixels = load_pixels(self.dataset, sample, {*needs, "image"})
        assert pixels.image is not None
        inputs = {view: [self.classifier.normalized(crop) for crop in view.inputs(pixels.image)] for view in views}
        return replace(pixels, inputs=inputs, image=pixels.image if "image" in needs else None)

    def measures_costs(self, loaded: Sequence[Loaded], variants: Sequence[Variant]) -> bool:
        sizes = {crop.shape[:2] for one in loaded for crops in one.inputs.values() for crop in crops}
        return any(self._measured[v.id, size] < self.measured_batches for v in variants for size in sizes)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        """All crops of all images, one batch for each size of crop."""
        samples = [one.sample for one in loaded]
        flat = [(image, crop) for image, one in enumerate(loaded) for crop in one.inputs[view]]
        places: dict[int, tuple[BatchMaps, int]] = {}
        first: dict[int, Tensor] = {}
        shallow: set[str] = set()
        deepest: dict[int, int] = {}
        layered = any(set(variant.modules) - {INPUT} for variant in variants)
        for whole in _batches([crop for _, crop in flat], self.batch_size):
            size = flat[whole[0]][1].shape[:2]
            if size != self._size:  # what tensors of another size have left fits none of these
                give_back_freed_memory()
                self._size = size
            due = self._due(variants, size)
            run = partial(self._extracted, flat, samples, variants, due)
            for chosen, inputs, batch in self._fitting.run(size, whole, run):
                if len(whole) > (most := self._fitting.most.get(size, len(whole))):
                    batch.costs = {key: replace(cost, batch=float(most)) for key, cost in batch.costs.items()}
                shallow |= {v.key for v in variants if self.extractor.is_shallow(v, inputs)}
                places |= {place: (batch, n) for n, place in enumerate(chosen)}
                deepest |= dict.fromkeys(chosen, self.extractor.deepest(inputs) if layered else 0)
                for n, place in enumerate(chosen):
                    first.setdefault(flat[place][0], inputs[n])
        parts: list[list[tuple[BatchMaps, int]]] = [[] for _ in loaded]
        heights: list[list[int]] = [[] for _ in loaded]
        for place, (owner, _) in enumerate(flat):
            parts[owner].append(places[place])
            heights[owner].append(deepest[place])
        return RawMaps(
            view=view,
            loaded=loaded,
            layouts=[view.layout(sample.size_wh) for sample in samples],
            crops=lambda variant, image: [batch.raw(variant.id)[n] for batch, n in parts[image]],
            failures={
                (v.key, sample.image_id): batch.failures[v.id, n]
                for v in variants
                for sample, crops in zip(samples, parts, strict=True)
                for batch, n in crops
                if (v.id, n) in batch.failures
            },
            shallow=frozenset(shallow),
            logits=lambda image: np.mean([batch.logits[n] for batch, n in parts[image]], axis=0),
            costs={
                v.key: [VariantCost.total([batch.costs[v.id] for batch, _ in crops]) for crops in parts]
                for v in variants
            },
            inputs=[first[image] for image in range(len(loaded))],
            deepest=heights if layered else (),
        )

    def _extracted(
        self,
        flat: Sequence[tuple[int, NDArray[np.float32]]],
        samples: Sequence[Sample],
        variants: Sequence[Variant],
        measure: bool,
        chosen: Sequence[int],
    ) -> tuple[Sequence[int], Tensor, BatchMaps]:
        """The places of some crops, their inputs and their maps."""
        owners = [samples[flat[place][0]] for place in chosen]
        inputs = self.extractor.tensor([flat[place][1] for place in chosen])
        labels = torch.tensor([owner.label for owner in owners])
        ids = [owner.image_id for owner in owners]
        return chosen, inputs, self.extractor.maps(inputs, labels, ids, variants, measure=measure)

    def _due(self, variants: Sequence[Variant], size: tuple[int, ...]) -> bool:
        """Whether one of these variants has not been measured often enough on inputs of this size."""
        due = any(self._measured[v.id, size] < self.measured_batches for v in variants)
        for variant in variants:
            self._measured[variant.id, size] += 1
        return due


def _batches(inputs: Sequence[NDArray[np.float32]], size: int) -> Iterator[list[int]]:
    """Places of inputs of equal shape, at most `size` at a time."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, one in enumerate(inputs):
        groups[one.shape].append(place)
    for group in groups.values():
        yield from (group[start : start + size] for start in range(0, len(group), size))
