"""What one run is: decided once, at the edge, into frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

from wsol.evaluation.records import about_of_experiment
from wsol.localization.component_rules import component_rules
from wsol.localization.refine import refines
from wsol.maps.fixed import FixedMaps
from wsol.registry import source_digest
from wsol.runs.shards import Shard, Work, content_hash, shards
from wsol.seeding import hash_of
from wsol.settings.records import BATCH_SIZE, CHUNK, SHARD_SIZE
from wsol.views import View, view_named

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset, Sample
    from wsol.datasets.predictions import Predictions
    from wsol.maps.source import MapSource
    from wsol.maps.stored import StoredMaps
    from wsol.maps.two_stage import SecondNetwork
    from wsol.methods._variants import Variant
    from wsol.metrics._base import Metric
    from wsol.models.classifier import Classifier
    from wsol.models.query import Compile
    from wsol.protocols._base import Protocol
    from wsol.runs.schema import About

ROWS_VERSION = 6  # raise it when the same settings give other rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenMetric:
    """A metric under the name its columns get, on all images or the first `sample` in a fixed random order.

    The name says what differs from the defaults, ``rise2018_dataset[sample=50]``, since rows are known by it.
    """

    name: str
    metric: Metric
    sample: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Numerics:
    """What may move the last bits of a row: recorded with it, part of the run's identity."""

    device: str = "cpu"
    precision: str = "float32"
    tf32: bool = False
    compile: str = "none"

    @property
    def facts(self) -> list[Any]:
        """Its part of a run's identity; what is as always leaves no trace, so that older runs keep theirs."""
        compiled = [] if self.compile == "none" else [f"compile={self.compile}"]
        return [self.device.split(":")[0], self.precision, self.tf32, *compiled]


def view_under(protocol: Protocol, view: View) -> View:
    """The view of a protocol in a run under `view`: its own where it states another."""
    if protocol.view == "any" or (protocol.view, protocol.merge) == (view.name, view.merge):
        return view
    return view_named(protocol.view, view.side, merge=protocol.merge)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything evaluation needs. Nothing here depends on how many workers run it.

    Attributes
    ----------
    classifier : None where maps need no network.
    stored : the maps, where they come from files; then `variants` is the one that stands for them.
    classes : what says which class an image is of, where that is not the network behind the maps: Top-1 and Top-5 Loc.
    view : how images become network input where a protocol leaves it open.
    batch_size : network inputs per batch; chunk : masked or partial forwards at a time.
    gallery : how many images, the first in the samples' order, are kept with their maps for the report; moves no row.
    maps : ``keep`` or, as float16, ``keep16`` the raw maps of all images, for protocols that are asked for later.
    """

    dataset: Dataset
    classifier: Classifier | None
    variants: tuple[Variant, ...]
    protocols: tuple[Protocol, ...]
    metrics: tuple[ChosenMetric, ...]
    view: View
    stored: StoredMaps | None = None
    classes: Predictions | SecondNetwork | None = None
    seed: int = 0
    batch_size: int = BATCH_SIZE
    chunk: int = 64
    shard_size: int = SHARD_SIZE
    threads: int = 2
    gallery: int = 60
    maps: str = "drop"
    numerics: Numerics = Numerics()

    @cached_property
    def samples(self) -> Mapping[str, Sample]:
        """By image id."""
        return {sample.image_id: sample for sample in self.dataset.samples()}

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        return shards(list(self.samples), self.shard_size)

    def source(self) -> MapSource:
        """Where the raw maps come from, and the classes."""
        maps = self._maps()
        if self.classes is None:
            return maps
        from wsol.maps.two_stage import TwoStageMaps

        return TwoStageMaps(maps, self.classes)

    def _maps(self) -> MapSource:
        if self.stored is not None:
            return self.stored
        if self.classifier is None:
            return FixedMaps()
        from wsol.maps.extractor import MapExtractor
        from wsol.maps.network import NetworkMaps
        from wsol.models.query import half_precision

        extractor = MapExtractor(
            self.classifier,
            seed=self.seed,
            chunk=self.chunk,
            autocast=half_precision(self.numerics.precision),
            compile=cast("Compile", self.numerics.compile),
        )
        return NetworkMaps(self.dataset, self.classifier, extractor, self.batch_size)

    @cached_property
    def family(self) -> dict[str, Any]:
        """What decides the rows of one image, next to variant and measure: the identity without the choice of images.

        Weights are known by their digest, whatever their file is called.
        """
        stored, classifier = self.stored, self.classifier
        return {
            "dataset": self.dataset.key,
            "model": stored.label if stored else classifier.name if classifier else "none",
            "weights": stored.fingerprint if stored else classifier.weights_digest if classifier else "none",
            "view": [self.view.name, self.view.side, [*self.view.options.items()]],
            "normalization": [classifier.mean, classifier.std] if classifier else None,
            "seed": self.seed,
            "numerics": self.numerics.facts,
            "rows_version": ROWS_VERSION,
            **({} if self.classes is None else {"classifier": self.classes.identity}),
            **({"outside": self._outside} if self._outside else {}),
            **({} if self.batch_size == BATCH_SIZE else {"batch_size": self.batch_size}),
            **({} if classifier is None or self._usual_chunk else {"chunk": self.chunk}),
        }

    @property
    def _usual_chunk(self) -> bool:
        return self.chunk == CHUNK["cpu" if self.numerics.device == "cpu" else "cuda"]

    @cached_property
    def _outside(self) -> dict[str, str]:
        """By name, digests of the view, metrics and component rules that are not the package's own.

        Edited ones give other rows. Methods from outside have theirs in the keys of their variants.
        """
        named: dict[str, Any] = {f"view {self.view.name}": type(self.view)}
        named |= {f"metric {chosen.name}": type(chosen.metric) for chosen in self.metrics}
        named |= {f"component {p.component}": component_rules[p.component].boxes for p in self.protocols}
        return {name: digest for name, one in named.items() if one and (digest := source_digest(one))}

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the rows of a run folder, next to variant and measure."""
        images = {"dataset_fingerprint": self.dataset.fingerprint(), "shard_size": self.shard_size}
        return {**self.family, **images, "weights_name": self.weights_name}

    @property
    def weights_name(self) -> str:
        """The weights as tables name them."""
        if self.stored is not None:
            return f"maps {self.stored.fingerprint}"
        return self.classifier.weights_id if self.classifier is not None else "none"

    @property
    def folder_name(self) -> str:
        """Readable and content-addressed: ``shapes-test-shapes_gap-1a2b3c4d``."""
        digest = content_hash({k: v for k, v in self.identity.items() if k != "weights_name"})
        if self.stored is not None:
            return f"score-{self.stored.label}-{digest}"
        parts = [self.dataset.key, self.split, str(self.family["model"]).replace("/", "_"), digest]
        return "-".join(part for part in parts if part)

    @property
    def split(self) -> str:
        return self.dataset.split

    def view_of(self, protocol: Protocol) -> View:
        """The view under which a protocol is evaluated: the run's where the protocol leaves it open or has the same."""
        return self.view if self.stored is not None else view_under(protocol, self.view)

    @property
    def views(self) -> list[View]:
        """The run's own, and those that protocols have instead."""
        return list(dict.fromkeys([self.view, *map(self.view_of, self.protocols)]))

    @cached_property
    def shard_of(self) -> Mapping[str, int]:
        """By image id, the index of its shard."""
        return {image_id: shard.index for shard in self.shards for image_id in shard.image_ids}

    @cached_property
    def gallery_protocol(self) -> Protocol:
        """The protocol whose boxes the gallery keeps: the first with one box per image in the run's view, or the first.

        One with a fixed threshold is swept by its own other rules, so that the page can move the threshold.
        """
        from wsol.protocols._base import protocols

        if not self.protocols:
            return protocols["exact"]
        chosen = min(
            self.protocols, key=lambda p: (refines(p, shallow=True), p.several_boxes, self.view_of(p) != self.view)
        )
        sweepable = not refines(chosen, shallow=True) and not component_rules[chosen.component].own_levels
        return chosen.derive({"tau": "sweep"}) if sweepable else chosen

    @cached_property
    def _order(self) -> Mapping[str, int]:
        """Each image's place in one random order, the same for everyone: samples of every size are nested."""
        shuffled = sorted(self.samples, key=lambda i: hash_of(self.seed, i))
        return {image_id: place for place, image_id in enumerate(shuffled)}

    def in_sample(self, image_id: str, sample: int | None) -> bool:
        """Whether an image is among the first `sample` ones."""
        return sample is None or self._order[image_id] < sample

    @cached_property
    def kept_variants(self) -> Mapping[str, Variant]:
        """By key, the variants whose raw maps the run keeps where it keeps any: of fused ones those of each layer."""
        return {one.key: one for variant in self.variants for one in variant.parts or (variant,)}

    @property
    def work(self) -> Work:
        """All (variant key, measure name) pairs asked for."""
        measures = [p.name for p in self.protocols] + [m.name for m in self.metrics]
        return frozenset((variant.key, measure) for variant in self.variants for measure in measures)

    @cached_property
    def sample_digests(self) -> Mapping[str, str]:
        """By image id, 16 hex digits of what is known of it without opening it: facts, and what the dataset stamps."""
        return {
            i: blake2b(
                repr((i, s.label, s.size_wh, s.boxes_xyxy.tolist(), self.dataset.stamp(s))).encode(), digest_size=8
            ).hexdigest()
            for i, s in self.samples.items()
        }

    def about(self) -> About:
        """What the rows' footer says of variants, measures and numbers: readers need nothing else."""
        return about_of_experiment(self)

    def manifest(self, versions: Mapping[str, str]) -> dict[str, Any]:
        """What run.json says."""
        about = self.about()
        return {
            "identity": self.identity,
            "images": len(self.samples),
            "shards": len(self.shards),
            "family": self.family,
            "class_names": list(self.dataset.class_names or (self.classifier.class_names if self.classifier else ())),
            "asked": {part: list(getattr(about, part)) for part in ("variants", "protocols", "metrics")},
            "versions": dict(versions),
        }
