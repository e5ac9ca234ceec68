"""One batch of images: its raw maps under each view, boxes by every protocol, measured by every metric, as rows."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wsol.evaluation.batches import PICTURE, Batch
from wsol.evaluation.kept import KeptMaps, keep
from wsol.evaluation.measure import Measured, measured
from wsol.evaluation.rows import Group, group_table
from wsol.evaluation.scoring import Scored, Scorer, score
from wsol.evaluation.shown import picture, shown
from wsol.localization.localize import by_image
from wsol.localization.records import Localizations
from wsol.localization.refine import refines
from wsol.maps.source import Loaded, RawMaps
from wsol.runs.gallery import Picture, Shown

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.maps.source import MapSource
    from wsol.methods._variants import Variant
    from wsol.models.cost import Memo
    from wsol.protocols._base import Protocol
    from wsol.runs.kept import Kept
    from wsol.views import View

log = logging.getLogger(__name__)

TASK = 32  # maps that one thread scores at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """What came out of a batch; `failed` by variant key, (image id, first line) of each failed row."""

    batch: Batch
    table: pa.Table | None = None
    pictures: Sequence[Picture] = ()
    shown: Sequence[Shown] = ()
    maps: Sequence[Kept] = ()
    failed: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)


class BatchEvaluation:
    """Takes batches through the three stages of `wsol.evaluation.pipeline`."""

    def __init__(
        self,
        experiment: Experiment,
        source: MapSource,
        profile: Profile,
        kept: KeptMaps | None = None,
        score: Scorer = score,
    ) -> None:
        self.experiment, self.source, self.profile, self.kept = experiment, source, profile, kept
        self._score = score
        self._from_kept: set[tuple[int, str]] = set()  # shard and first image of batches that need no network
        self.variants = {v.key: v for v in experiment.variants}
        self._reported: set[str] = set()  # variants of which is known whether their maps are all zero

    def load(self, batch: Batch) -> list[Callable[[], Loaded]]:
        """One call for each image."""
        if batch.idle:
            return []
        views, needs = self._views(batch), self._needs(batch)
        if self._is_kept(batch):
            self._from_kept.add(_first(batch))
        source = self._source(batch)
        return [partial(source.load, sample, views, needs) for sample in batch.samples]

    def without(self, batch: Batch, places: Collection[int]) -> Batch:
        """The batch without the images at some of its places."""
        kept = tuple(sample for place, sample in enumerate(batch.samples) if place not in places)
        smaller = replace(batch, samples=kept, unread=True)
        if _first(batch) in self._from_kept:
            self._from_kept.add(_first(smaller))
        return smaller

    def quiet(self, batch: Batch, loaded: list[Loaded]) -> bool:
        return not batch.idle and self._source(batch).measures_costs(loaded, self._chosen(batch))

    def compute(
        self, batch: Batch, loaded: list[Loaded]
    ) -> tuple[list[Callable[[], Any]], Callable[[list[Any]], BatchRows]]:
        """Maps and metrics now; returns the calls that find boxes, and what makes rows of their results."""
        if batch.idle:
            return [], lambda _: BatchRows(batch=batch)
        by_view: dict[View, RawMaps] = {}
        source = self._source(batch)
        for view in self._views(batch):
            with self.profile.stage("kept maps" if source is self.kept else "network"):
                maps = source.maps(loaded, view, self._of_view(batch, view))
                by_view[view] = maps.cut(batch.cut) if batch.cut is not None and source is self.source else maps
        groups = self._groups(batch)
        with self.profile.stage("metrics"):
            maps = by_view[self.experiment.view]
            memos: dict[int, Memo] = {}
            metrics = [measured(self.experiment, source, group, maps, memos) for group in groups]
        calls: list[Callable[[], Any]] = []
        sizes: list[list[tuple[View, int]]] = []
        for group in groups:
            sizes.append([])
            for view, maps in by_view.items():
                protocols = self._protocols(group.due, view)
                if protocols or view == self.experiment.view:
                    # maps of one image together: those that are equal are swept once
                    pairs = [group.pairs[place] for place in by_image([image for _, image in group.pairs])]
                    tasks = [pairs[start : start + TASK] for start in range(0, len(pairs), TASK)]
                    calls += [partial(self._scored, maps, task, protocols) for task in tasks]
                    sizes[-1].append((view, len(tasks)))
        kept = self._kept(batch, by_view)
        return [*calls, *kept], partial(self._join, batch, by_view, groups, metrics, sizes)

    def _join(
        self,
        batch: Batch,
        by_view: Mapping[View, RawMaps],
        groups: Sequence[Group],
        metrics: Sequence[Measured],
        sizes: Sequence[Sequence[tuple[View, int]]],
        parts: list[Any],
    ) -> BatchRows:
        tables, at = [], 0
        failed: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for group, measures, tasks in zip(groups, metrics, sizes, strict=True):
            localizations: dict[str, Localizations] = {}
            digests: Sequence[str] = [""] * len(group.pairs)
            finite = [True] * len(group.pairs)
            order = np.argsort(by_image([image for _, image in group.pairs]))
            for view, count in tasks:
                scored = Scored.joined(parts[at : at + count]).take(order)
                at += count
                self._report_zeros(group.pairs, scored.filled)
                localizations |= scored.localizations
                if view == self.experiment.view or not any(digests):
                    digests = scored.digests
                finite = [a and b for a, b in zip(finite, scored.finite, strict=True)]
            table, wrong = group_table(self.experiment, group, by_view, localizations, measures, digests, finite)
            tables.append(table)
            for key, lines in wrong.items():
                failed[key] += lines
        pictures = [part for part in parts[at:] if isinstance(part, Picture)]
        maps = [part for part in parts[at:] if isinstance(part, Shown)]
        table = pa.concat_tables(tables, promote_options="permissive") if tables else None
        rounded = self.experiment.maps == "keep16"
        chosen = [self.experiment.kept_variants[key] for key in sorted(batch.keep)]
        kept = keep(by_view, chosen, rounded=rounded) if chosen else ()
        return BatchRows(batch=batch, table=table, pictures=pictures, shown=maps, maps=kept, failed=failed)

    def _scored(self, maps: RawMaps, pairs: Sequence[tuple[Variant, int]], protocols: Sequence[Protocol]) -> Scored:
        drawn = [maps.image_maps(variant, image) for variant, image in pairs]
        ceilings = [n for n, (variant, _) in enumerate(pairs) if "truth" in variant.info.needs]
        return self._score(drawn, ceilings, protocols)

    def _report_zeros(self, pairs: Sequence[tuple[Variant, int]], filled: Sequence[bool]) -> None:
        """Warn, once, of a variant that has had zeros alone when a batch of two images or more is done."""
        by_key: dict[str, list[bool]] = defaultdict(list)
        for (variant, _), one in zip(pairs, filled, strict=True):
            by_key[variant.key].append(one)
        for key, some in by_key.items():
            if key not in self._reported and (any(some) or len(some) > 1):
                self._reported.add(key)
                if not any(some):
                    log.warning("%s: the first %d maps are zero everywhere; choose another layer", key, len(some))

    def _kept(self, batch: Batch, by_view: Mapping[View, RawMaps]) -> list[Callable[[], Any]]:
        """Calls that make what the gallery lacks of this batch."""
        if not batch.unseen:
            return []
        protocol = self.experiment.gallery_protocol
        maps, pixels = by_view[self.experiment.view_of(protocol)], by_view[self.experiment.view]
        calls: list[Callable[[], Any]] = []
        for image, sample in enumerate(batch.samples):
            for key in sorted(batch.unseen.get(sample.image_id, ())):
                if key == PICTURE:
                    calls.append(partial(self._picture, pixels, image))
                else:
                    calls.append(partial(self._shown, maps, self.variants[key], image, protocol))
        return calls

    def _picture(self, maps: RawMaps, image: int) -> Picture:
        one = maps.loaded[image]
        logits = maps.class_logits or maps.logits
        assert one.image is not None
        assert logits is not None
        return picture(one.sample, one.image, logits(image))

    def _shown(self, maps: RawMaps, variant: Variant, image: int, protocol: Protocol) -> Shown:
        return shown(maps.loaded[image].sample, variant.key, maps.image_map(variant, image), protocol)

    def _groups(self, batch: Batch) -> list[Group]:
        """Variants with the same measures due."""
        groups: dict[frozenset[str], list[Variant]] = defaultdict(list)
        for key, due in batch.due.items():
            groups[due].append(self.variants[key])
        images = range(len(batch.samples))
        return [Group(due, tuple((v, image) for v in chosen for image in images)) for due, chosen in groups.items()]

    def _protocols(self, due: frozenset[str], view: View) -> list[Protocol]:
        chosen = self.experiment.protocols
        return [p for p in chosen if p.name in due and self.experiment.view_of(p) == view]

    def _views(self, batch: Batch) -> list[View]:
        """The run's own view first: classification, costs and metrics come from it."""
        due = frozenset().union(*batch.due.values())
        views = [self.experiment.view_of(p) for p in self.experiment.protocols if p.name in due]
        if batch.unseen:
            views.append(self.experiment.view_of(self.experiment.gallery_protocol))
        if batch.keep:
            views += self.experiment.views
        return list(dict.fromkeys([self.experiment.view, *views]))

    def _of_view(self, batch: Batch, view: View) -> list[Variant]:
        """The variants whose maps are needed under a view; every row carries what the run's own view gives."""
        if view == self.experiment.view:
            return self._chosen(batch)
        names = {p.name for p in self.experiment.protocols if self.experiment.view_of(p) == view}
        keys = {key for key, due in batch.due.items() if due & names}
        if view == self.experiment.view_of(self.experiment.gallery_protocol):
            keys |= frozenset().union(*batch.unseen.values())
        return self._named(keys, batch.keep)

    def _source(self, batch: Batch) -> MapSource:
        return self.kept if self.kept is not None and _first(batch) in self._from_kept else self.source

    def _is_kept(self, batch: Batch) -> bool:
        """Whether the maps that the run keeps are all that a batch needs."""
        if self.kept is None or batch.keep:
            return False
        due = frozenset().union(*batch.due.values())
        if any(m.name in due and m.metric.info.needs & {"model", "method"} for m in self.experiment.metrics):
            return False
        return all(self.kept.covers(batch.samples, view, self._of_view(batch, view)) for view in self._views(batch))

    def _chosen(self, batch: Batch) -> list[Variant]:
        return self._named(set(batch.due).union(*batch.unseen.values()), batch.keep)

    def _named(self, keys: Collection[str], keep: Collection[str]) -> list[Variant]:
        """The experiment's variants of these keys, and behind them those whose maps are only to be kept."""
        wanted = {key: variant for key, variant in self.variants.items() if key in keys}
        wanted |= {key: variant for key, variant in self.experiment.kept_variants.items() if key in keep}
        return list(wanted.values())

    def _needs(self, batch: Batch) -> set[str]:
        due = frozenset().union(*batch.due.values())
        cut = any(p.name in due and (refines(p, shallow=True)) for p in self.experiment.protocols)
        masked = any(m.name in due and m.metric.info.needs & {"mask", "truth"} for m in self.experiment.metrics)
        masked |= any("truth" in variant.info.needs for variant in self._chosen(batch))
        return ({"image"} if cut or batch.unseen else set()) | ({"mask"} if masked else set())


def _first(batch: Batch) -> tuple[int, str]:
    """What tells a batch from all others of a run."""
    return batch.shard.index, batch.samples[0].image_id
