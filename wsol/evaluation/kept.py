"""Raw maps to and from what a run keeps: `wsol.runs.kept` has the files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.maps.source import Loaded, MapSource, RawMaps, load_pixels
from wsol.runs import kept
from wsol.runs.kept import Index, Kept
from wsol.runs.schema import COUNTED, MEASURED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from wsol.datasets.base import Dataset, Sample
    from wsol.evaluation.experiment import Experiment
    from wsol.methods._variants import Variant
    from wsol.runs.shards import Shard
    from wsol.views import Layout, View

LOGITS = ""  # stands among variants for the network's own answer
SHARDS = 4  # whose indices are in memory at a time


@dataclass(frozen=True, slots=True)
class Counted:
    """What a kept map once cost, without what was measured."""

    values: Sequence[float]

    def columns(self) -> dict[str, Any]:
        return {**dict(zip(COUNTED, self.values, strict=True)), **dict.fromkeys(MEASURED)}


def view_key(view: View) -> str:
    """A view as kept maps know it."""
    return json.dumps([view.name, view.side, [*view.options.items()]])


def keep(by_view: Mapping[View, RawMaps], variants: Collection[Variant], *, rounded: bool) -> list[Kept]:
    """What is kept of a batch: under each view the logits, and the maps of these variants.

    Parameters
    ----------
    rounded : maps as float16: half the size, and no longer the network's own to the last bit.
    """
    found: list[Kept] = []
    for view, maps in by_view.items():
        key, ids = view_key(view), [one.sample.image_id for one in maps.loaded]
        if maps.logits is not None:
            logits = np.stack([maps.logits(image) for image in range(len(ids))])
            digests = tuple(one.image_digest for one in maps.loaded)
            found.append(Kept(view=key, variant=LOGITS, image_ids=tuple(ids), values=logits, digests=digests))
        for variant in variants:
            if variant.key in maps.costs:
                found += _of_variant(maps, variant, key, ids, rounded=rounded)
    return found


def _of_variant(maps: RawMaps, variant: Variant, view: str, ids: Sequence[str], *, rounded: bool) -> list[Kept]:
    """Images whose maps have the same sizes together."""
    crops = [[np.asarray(crop) for crop in maps.crops(variant, image)] for image in range(len(ids))]
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for image, several in enumerate(crops):
        deepest = tuple(maps.deepest[image]) if maps.deepest else ()
        groups[tuple(crop.shape for crop in several), deepest].append(image)
    needs, found = variant.info.needs, []
    for (shapes, deepest), places in groups.items():
        values = np.stack([np.concatenate([crop.reshape(-1) for crop in crops[image]]) for image in places])
        costs = [maps.costs[variant.key][image].columns() for image in places]
        failures = {ids[image]: maps.failures.get((variant.key, ids[image])) for image in places}
        found.append(
            Kept(
                view=view,
                variant=variant.key,
                image_ids=tuple(ids[image] for image in places),
                values=values.astype(np.float16) if rounded else values,
                shapes=shapes,
                full=variant.info.constant_is_full,
                shallow=variant.key in maps.shallow,
                deepest=deepest,
                counted=tuple(tuple(float(cost[name]) for name in COUNTED) for cost in costs),
                shared=tuple(float(len(shapes) * once) for once in (bool(needs), "gradients" in needs, False)),
                failures={image_id: line for image_id, line in failures.items() if line is not None},
                exact=not rounded,
            )
        )
    return found


def unkept(experiment: Experiment, shard: Shard, run: Path) -> dict[str, frozenset[str]]:
    """By image id, the variants whose maps the run should keep and doesn't, under any of its views."""
    if experiment.maps == "drop" or experiment.classifier is None:
        return {}
    index, views = kept.read(run, shard.index), [view_key(view) for view in experiment.views]
    exact = experiment.maps == "keep"
    lacking: dict[str, frozenset[str]] = {}
    for image_id in shard.image_ids:
        wanted = [variant for variant in experiment.variants if experiment.in_sample(image_id, variant.sample)]
        missing = frozenset(
            key
            for key in dict.fromkeys(key for variant in wanted for key in keys_of(variant))
            for view in views
            if (entry := index.get((view, key, image_id))) is None or (exact and not entry.about["exact"])
        )
        if missing:
            lacking[image_id] = missing
    return lacking


class KeptMaps(MapSource):
    """Maps and logits that a run kept; those of fused variants are made of the maps of their layers.

    Parameters
    ----------
    shard_of : by image id, the index of its shard. rounded : whether maps in float16 will do, too.
    pixels : False where images are not at hand; no protocol may need them then.
    device : where maps are fused; on the one that the network ran on, to the last bit as there.
    """

    def __init__(
        self,
        run: Path,
        dataset: Dataset,
        shard_of: Mapping[str, int],
        *,
        rounded: bool = False,
        pixels: bool = True,
        device: str = "cpu",
    ) -> None:
        self.dataset, self.shard_of = dataset, shard_of
        self.rounded, self.pixels, self.device = rounded, pixels, device
        self._index: Callable[[int], Index] = lru_cache(maxsize=SHARDS)(lambda shard: kept.read(run, shard))

    def covers(self, samples: Sequence[Sample], view: View, variants: Sequence[Variant]) -> bool:
        """Whether the maps of all these variants of all these images are there under a view."""
        key = view_key(view)
        for sample in samples:
            index = self._index(self.shard_of[sample.image_id])
            if not self._suffices(index.get((key, LOGITS, sample.image_id))):
                return False
            for variant in variants:
                entries = [index.get((key, name, sample.image_id)) for name in keys_of(variant)]
                if not all(self._suffices(entry, fused=bool(variant.parts)) for entry in entries):
                    return False
        return True

    def _suffices(self, entry: kept.Entry | None, *, fused: bool = False) -> bool:
        if entry is None or not (entry.about["exact"] or self.rounded):
            return False
        # where a layer failed the network says what of the whole; sums of fractions know their order
        return not fused or (entry.failure is None and all(float(count).is_integer() for count in entry.counted))

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        about = self._entry(views[0], LOGITS, sample.image_id)
        digest = about.about["digests"][about.row]
        needed = needs if self.pixels else set(needs) - {"image"}
        return replace(load_pixels(self.dataset, sample, needed), image_digest=digest)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        ids = [one.sample.image_id for one in loaded]
        layouts = [view.layout(one.sample.size_wh) for one in loaded]
        logits = [self._entry(view, LOGITS, image_id) for image_id in ids]
        entries = {v.key: [[self._entry(view, k, image_id) for k in keys_of(v)] for image_id in ids] for v in variants}
        fused = {v.key: self._fused(v, entries[v.key], layouts) for v in variants if v.parts}

        def crops(variant: Variant, image: int) -> list[NDArray[Any]]:
            return fused[variant.key][image] if variant.key in fused else entries[variant.key][image][0].maps

        return RawMaps(
            view=view,
            loaded=loaded,
            layouts=layouts,
            crops=crops,
            failures={
                (key, image_id): failure
                for key, of_images in entries.items()
                for image_id, parts in zip(ids, of_images, strict=True)
                for failure in [next((part.failure for part in parts if part.failure is not None), None)]
                if failure is not None
            },
            shallow=frozenset(key for key, some in entries.items() if any(map(_is_shallow, some))),
            logits=lambda image: logits[image].values,
            costs={key: [Counted(_counted(parts)) for parts in some] for key, some in entries.items()},  # type: ignore[misc]
        )

    def _fused(
        self, variant: Variant, entries: Sequence[Sequence[kept.Entry]], layouts: Sequence[Layout]
    ) -> list[list[NDArray[Any]]]:
        """For each image the fused map of each crop, of the `entries` of its layers."""
        import torch

        from wsol.methods._fusion import fuse_layers

        found: list[list[NDArray[Any]]] = [[] for _ in entries]
        groups: dict[object, list[int]] = defaultdict(list)
        for image, parts in enumerate(entries):
            sides = tuple(placement.side for placement in layouts[image].placements)
            groups[str([(one.about["shapes"], one.about["deepest"]) for one in parts]), sides].append(image)
        for (_, sides), places in groups.items():  # type: ignore[misc]
            layers = [[entries[image][n].maps for image in places] for n in range(len(variant.layers))]
            for crop, side in enumerate(sides):
                maps = fuse_layers(
                    [torch.from_numpy(np.stack([of[crop] for of in layer])).to(self.device) for layer in layers],
                    variant.fusion,
                    names=variant.layers,
                    last_side=entries[places[0]][0].about["deepest"][crop],
                    input_size=side[::-1],
                )
                for image, one in zip(places, maps.cpu().numpy(), strict=True):
                    found[image].append(one)
        return found

    def _entry(self, view: View, variant: str, image_id: str) -> kept.Entry:
        return self._index(self.shard_of[image_id])[view_key(view), variant, image_id]


def keys_of(variant: Variant) -> tuple[str, ...]:
    """What the maps are kept under of which a variant's map is made."""
    return tuple(part.key for part in variant.parts) or (variant.key,)


def _is_shallow(parts: Sequence[kept.Entry]) -> bool:
    """Whether all layers of a variant are shallow."""
    return all(one.about["shallow"] for one in parts)


def _counted(parts: Sequence[kept.Entry]) -> list[float]:
    """Passes of a variant by those of its layers, which share one pass."""
    again = len(parts) - 1
    counts = zip(*(one.counted for one in parts), strict=True)
    return [sum(of) - again * shared for of, shared in zip(counts, parts[0].about["shared"], strict=True)]
