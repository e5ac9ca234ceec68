"""What a run will take, from a trial on a few of its images: passes, time and memory per variant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wsol.evaluation.batches import batches
from wsol.evaluation.profile import Profile
from wsol.evaluation.shard import evaluate
from wsol.maps.network import NetworkMaps
from wsol.maps.two_stage import TwoStageMaps
from wsol.progress import duration
from wsol.runs.folder import RunFolder
from wsol.runs.shards import Shard

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.maps.source import MapSource

COSTS = ("forwards", "backwards", "partial_forwards", "ms", "peak_mb")
SOON = 1.0  # seconds that an image may take for a whole batch to be tried too
ENOUGH = 20  # images of a kind, of which a forecast evaluates two


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the trial measured.

    Attributes
    ----------
    costs : by variant key, `COSTS` of one image, without those that were not measured.
    images : by variant key, on how many images it is evaluated.
    seconds : of the whole run on this machine, as predicted. stages : the same by stage (`wsol.evaluation.profile`).
    rows_mb : what all rows take, before Parquet packs them.
    tried : how many images were evaluated for it.
    """

    costs: Mapping[str, Mapping[str, float]]
    images: Mapping[str, int]
    seconds: float
    stages: Mapping[str, float]
    rows_mb: float
    tried: int

    @property
    def sentence(self) -> str:
        """The predicted time, in words."""
        return f"predicted time: about {duration(self.seconds)} on this machine"


def forecast(experiment: Experiment) -> Forecast:
    """Evaluate two images of each kind (those that the same work is due for), and a batch where they take no time."""
    trial = replace(experiment, gallery=0, maps="drop")
    with TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "trial")
        shards = count()
        stages: dict[str, float] = defaultdict(float)
        tried: set[str] = set()
        for ids in _kinds(trial, folder):
            source = trial.source()
            _seconds(trial, folder, source, next(shards), ids[:1])  # compiles and warms up
            chosen = ids[1:2] or ids[:1]
            if sum(_seconds(trial, folder, source, next(shards), chosen).values()) < SOON and len(ids) > 1:
                chosen = ids[: trial.batch_size]
                _seconds(trial, folder, source, next(shards), chosen)
            maps = source.inner if isinstance(source, TwoStageMaps) else source
            if isinstance(maps, NetworkMaps):
                maps.measured_batches = 0  # a run measures its first batches only
            for stage, seconds in _seconds(trial, folder, source, next(shards), chosen).items():
                # a file is written once per shard, however many images are in it
                times = max(1.0, len(ids) / trial.shard_size) if stage == "write" else len(ids) / len(chosen)
                stages[stage] += seconds * times
            tried.update([*ids[:1], *chosen])
        tables = folder.tables()
        costs = {
            key: {name: min(values) for name in COSTS if (values := _numbers(table, name))}
            for key, table in tables.items()
        }
    images = {v.key: min(len(trial.samples), v.sample or len(trial.samples)) for v in trial.variants}
    size = sum(table.nbytes / max(1, table.num_rows) * images[key] for key, table in tables.items())
    return Forecast(costs, images, sum(stages.values()), dict(stages), size / 1e6, len(tried))


def is_cheap(experiment: Experiment) -> bool:
    """Whether a forecast takes a small share of the run: at most a tenth of the images of each kind."""
    with TemporaryDirectory() as place:
        return all(len(ids) >= ENOUGH for ids in _kinds(experiment, RunFolder(Path(place) / "trial")))


def _kinds(experiment: Experiment, folder: RunFolder) -> list[list[str]]:
    """The image ids for which the same work is due."""
    kinds: dict[Hashable, list[str]] = defaultdict(list)
    for shard in experiment.shards:
        for batch in batches(experiment, shard, folder):
            kinds[batch.kind] += [sample.image_id for sample in batch.samples]
    return list(kinds.values())


def _seconds(
    experiment: Experiment, folder: RunFolder, source: MapSource, index: int, image_ids: list[str]
) -> dict[str, float]:
    """By stage, what evaluating these images takes."""
    profile = Profile()
    evaluate(experiment, [Shard(index, tuple(sorted(image_ids)))], folder, source=source, profile=profile)
    return profile.seconds()


def _numbers(table: object, name: str) -> list[float]:
    values = table[name].to_pylist() if name in table.column_names else []  # type: ignore[attr-defined,index]
    return [float(value) for value in values if value is not None]
