"""What one run is: decided once, at the edge, into frozen records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from wsol.runs.records import (
    CLASSIFICATION,
    metric_info,
    metric_quantities,
    protocol_info,
    protocol_quantities,
    variant_info,
)
from wsol.runs.schema import About, RunInfo
from wsol.store import Shard, Work, content_hash, shards
from wsol.variants import Variant, config_of
from wsol.views import View

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset, Sample
    from wsol.metrics.base import Metric
    from wsol.models.base import Classifier
    from wsol.protocols.base import Protocol

ROWS_VERSION = 3  # raise it when the same settings give other rows


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


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything `evaluate_shard` needs. Nothing here depends on how many workers run it.

    Attributes
    ----------
    view : how images become network input where a protocol leaves it open.
    batch_size : images looked at together; chunk: masked or partial forwards at a time.
    gallery : how many images, the first in the samples' order, are kept with their maps for the report; moves no row.
    """

    dataset: Dataset
    classifier: Classifier
    variants: tuple[Variant, ...]
    protocols: tuple[Protocol, ...]
    metrics: tuple[ChosenMetric, ...]
    view: View
    seed: int = 0
    batch_size: int = 16
    chunk: int = 64
    shard_size: int = 200
    threads: int = 2
    gallery: int = 60
    numerics: Numerics = Numerics()

    @cached_property
    def samples(self) -> Mapping[str, Sample]:
        """By image id."""
        return {sample.image_id: sample for sample in self.dataset.samples()}

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        return shards(list(self.samples), self.shard_size)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the rows of a run folder, next to variant and measure."""
        return {
            "dataset": self.dataset.key,
            "dataset_fingerprint": self.dataset.fingerprint(),
            "model": self.classifier.name,
            "weights": self.classifier.weights_id,
            "view": [self.view.name, self.view.side, list(self.view.scales) if self.view.name == "multiscale" else []],
            "seed": self.seed,
            "numerics": [self.numerics.device.split(":")[0], self.numerics.precision, self.numerics.tf32],
            "shard_size": self.shard_size,
            "rows_version": ROWS_VERSION,
        }

    @property
    def folder_name(self) -> str:
        """Readable and content-addressed: ``shapes-test-shapes_gap-1a2b3c4d``."""
        split = getattr(self.dataset, "split", "")
        parts = [self.dataset.key, split, self.classifier.name.replace("/", "_"), content_hash(self.identity)]
        return "-".join(part for part in parts if part)

    @cached_property
    def _order(self) -> Mapping[str, int]:
        """Each image's place in one random order, the same for everyone: samples of every size are nested."""
        shuffled = sorted(self.samples, key=lambda i: hashlib.sha256(f"{self.seed}/{i}".encode()).digest())
        return {image_id: place for place, image_id in enumerate(shuffled)}

    def in_sample(self, image_id: str, sample: int | None) -> bool:
        """Whether an image is among the first `sample` ones."""
        return sample is None or self._order[image_id] < sample

    @property
    def work(self) -> Work:
        """All (variant key, measure name) pairs asked for."""
        measures = [p.name for p in self.protocols] + [m.name for m in self.metrics]
        return frozenset((variant.key, measure) for variant in self.variants for measure in measures)

    def about(self, source: Literal["network", "fixed"] = "network") -> About:
        """What the rows' footer says of variants, measures and numbers: readers need nothing else."""
        quantities = [q for p in self.protocols for q in protocol_quantities(p)]
        quantities += [q for m in self.metrics for q in metric_quantities(m.name, m.metric)]
        return About(
            run=RunInfo(
                dataset=self.dataset.key,
                split=getattr(self.dataset, "split", ""),
                network=self.classifier.name,
                weights=self.classifier.weights_id,
                view=self.view.name,
                side=self.view.side,
                seed=self.seed,
                source=source,
                trained=not self.classifier.weights_id.startswith("random"),
                device=self.numerics.device.split(":")[0],
                precision=self.numerics.precision,
            ),
            variants={v.key: variant_info(v, config_of(v.info.key)) for v in self.variants},
            protocols={p.name: protocol_info(p, self.view) for p in self.protocols},
            metrics={m.name: metric_info(m.name, m.metric, m.sample) for m in self.metrics},
            quantities=(*quantities, *CLASSIFICATION),
        )

    def manifest(self, versions: Mapping[str, str]) -> dict[str, Any]:
        """What run.json says."""
        about = self.about()
        return {
            "identity": self.identity,
            "images": len(self.samples),
            "shards": len(self.shards),
            "class_names": list(self.dataset.class_names or self.classifier.class_names),
            "asked": {part: list(getattr(about, part)) for part in ("variants", "protocols", "metrics")},
            "versions": dict(versions),
        }
