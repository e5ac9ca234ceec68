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
    from wsol.views import View

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
            if variant.key not in maps.costs:
                continue
            by_shape: dict[tuple[int, ...], list[tuple[int, NDArray[Any]]]] = defaultdict(list)
            for image in range(len(ids)):
                crops = np.stack([np.asarray(crop) for crop in maps.crops(variant, image)])
                by_shape[crops.shape].append((image, crops))
            for group in by_shape.values():
                places = [image for image, _ in group]
                values = np.stack([crops for _, crops in group])
                costs = [maps.costs[variant.key][image].columns() for image in places]
                found.append(
                    Kept(
                        view=key,
                        variant=variant.key,
                        image_ids=tuple(ids[image] for image in places),
                        values=values.astype(np.float16) if rounded else values,
                        full=variant.info.constant_is_full,
                        shallow=variant.key in maps.shallow,
                        counted=tuple(tuple(float(cost[name]) for name in COUNTED) for cost in costs),
                        failures={
                            ids[image]: maps.failures[variant.key, ids[image]]
                            for image in places
                            if (variant.key, ids[image]) in maps.failures
                        },
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
        wanted = [v.key for v in experiment.variants if experiment.in_sample(image_id, v.sample)]
        missing = frozenset(
            key
            for key in wanted
            for view in views
            if (entry := index.get((view, key, image_id))) is None or (exact and not entry.about["exact"])
        )
        if missing:
            lacking[image_id] = missing
    return lacking


class KeptMaps(MapSource):
    """Maps and logits that a run kept.

    Parameters
    ----------
    shard_of : by image id, the index of its shard. rounded : whether maps in float16 will do, too.
    pixels : False where images are not at hand; no protocol may need them then.
    """

    def __init__(
        self,
        run: Path,
        dataset: Dataset,
        shard_of: Mapping[str, int],
        *,
        rounded: bool = False,
        pixels: bool = True,
    ) -> None:
        self.dataset, self.shard_of, self.rounded, self.pixels = dataset, shard_of, rounded, pixels
        self._index: Callable[[int], Index] = lru_cache(maxsize=SHARDS)(lambda shard: kept.read(run, shard))

    def covers(self, samples: Sequence[Sample], view: View, variants: Sequence[Variant]) -> bool:
        """Whether the maps of all these variants of all these images are there under a view."""
        key = view_key(view)
        for sample in samples:
            index = self._index(self.shard_of[sample.image_id])
            for variant in (LOGITS, *(one.key for one in variants)):
                entry = index.get((key, variant, sample.image_id))
                if entry is None or not (entry.about["exact"] or self.rounded):
                    return False
        return True

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        about = self._entry(views[0], LOGITS, sample.image_id)
        digest = about.about["digests"][about.row]
        needed = needs if self.pixels else set(needs) - {"image"}
        return replace(load_pixels(self.dataset, sample, needed), image_digest=digest)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        ids = [one.sample.image_id for one in loaded]
        entries = {v.key: [self._entry(view, v.key, image_id) for image_id in ids] for v in variants}
        logits = [self._entry(view, LOGITS, image_id) for image_id in ids]
        return RawMaps(
            view=view,
            loaded=loaded,
            layouts=[view.layout(one.sample.size_wh) for one in loaded],
            crops=lambda variant, image: list(_wide(entries[variant.key][image].values)),
            failures={
                (key, image_id): entry.about["failures"][image_id]
                for key, of_images in entries.items()
                for image_id, entry in zip(ids, of_images, strict=True)
                if image_id in entry.about["failures"]
            },
            shallow=frozenset(key for key, some in entries.items() if any(one.about["shallow"] for one in some)),
            logits=lambda image: logits[image].values,
            costs={key: [Counted(e.about["counted"][e.row]) for e in some] for key, some in entries.items()},  # type: ignore[misc]
        )

    def _entry(self, view: View, variant: str, image_id: str) -> kept.Entry:
        return self._index(self.shard_of[image_id])[view_key(view), variant, image_id]


def _wide(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float32) if values.dtype == np.float16 else values
