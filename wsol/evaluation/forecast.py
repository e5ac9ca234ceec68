"""What a run will take, from a trial on a few of its images: passes, time and memory per variant."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from wsol.evaluation.shard import batches, evaluate
from wsol.runs.folder import RunFolder, Shard

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment

COSTS = ("forwards", "backwards", "partial_forwards", "ms", "peak_mb")
SOON = 2.0  # seconds that a first image may take for a whole batch to be tried too


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the trial measured.

    Attributes
    ----------
    costs : by variant key, `COSTS` of one image, without those that were not measured.
    images : by variant key, on how many images it is evaluated.
    seconds : of the whole run on this machine, as predicted.
    """

    costs: Mapping[str, Mapping[str, float]]
    images: Mapping[str, int]
    seconds: float

    @property
    def sentence(self) -> str:
        """The predicted time, in words."""
        return f"predicted time: about {_duration(self.seconds)} on this machine"


def forecast(experiment: Experiment) -> Forecast:
    """Evaluate one image of each kind (those that the same work is due for), and a batch of the fast kinds."""
    trial = replace(experiment, gallery=0)
    with TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "trial")
        kinds: dict[Hashable, list[str]] = defaultdict(list)
        for shard in trial.shards:
            for batch in batches(trial, shard, folder):
                kinds[batch.kind] += [sample.image_id for sample in batch.samples]
        seconds = 0.0
        for kind, ids in enumerate(kinds.values()):
            taken = _seconds(trial, folder, 2 * kind, ids[:1])
            if taken < SOON and len(ids) > 1:  # the first image compiled and warmed up
                several = ids[: trial.batch_size]
                taken = _seconds(trial, folder, 2 * kind + 1, several) / len(several)
            seconds += taken * len(ids)
        costs = {
            key: {name: max(values) for name in COSTS if (values := _numbers(table, name))}
            for key, table in folder.tables().items()
        }
    images = {v.key: min(len(trial.samples), v.sample or len(trial.samples)) for v in trial.variants}
    return Forecast(costs, images, seconds)


def _seconds(experiment: Experiment, folder: RunFolder, index: int, image_ids: list[str]) -> float:
    started = time.perf_counter()
    evaluate(experiment, [Shard(index, tuple(sorted(image_ids)))], folder)
    return time.perf_counter() - started


def _numbers(table: object, name: str) -> list[float]:
    values = table[name].to_pylist() if name in table.column_names else []  # type: ignore[attr-defined,index]
    return [float(value) for value in values if value is not None]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
