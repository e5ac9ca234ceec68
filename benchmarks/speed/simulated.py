"""Workers whose maps come from a sleep: what sharing a run costs, without a network and without torch.

    python -m benchmarks.speed.simulated --workers 64 --shards 20 --seconds 1

Forks the workers, lets them take shards of one run as worker processes do, and prints one JSON object:

efficiency : seconds of the shards that were computed from when the last worker had started until the last shard was
    written, over that time and the number of workers.
cpu_ms : processor time per shard, of a worker: leases, scoring, rows and files. mb : private memory of a worker.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from wsol.datasets.base import Dataset, Sample
from wsol.evaluation.engines.shift import Shift
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.shard import evaluate
from wsol.maps.source import Loaded, MapSource, RawMaps
from wsol.maps.stored import StoredVariant
from wsol.protocols._base import named
from wsol.runs.folder import RunFolder
from wsol.runs.leases import Worker
from wsol.runs.shards import Shard
from wsol.views import view_named

if TYPE_CHECKING:
    from PIL.Image import Image

    from wsol.maps.stored import StoredMaps
    from wsol.methods._variants import Variant
    from wsol.views import View

BATCHES = 1  # of a shard
BATCH = 2  # images
SIDE = 7
STAGGER = 1.0  # seconds within which the workers start: no machine starts them all at one moment


@dataclass(frozen=True, kw_only=True)
class Unseen(Dataset):
    """Images that nobody opens."""

    count: int

    key = "unseen"

    def read(self) -> Sequence[Sample]:
        box = np.array([[60.0, 40.0, 320.0, 300.0]])
        return [Sample(f"{n:08d}", 0, box, (500, 375)) for n in range(self.count)]

    def image(self, sample: Sample) -> Image:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Asleep(MapSource):
    """A 7 x 7 map of each image, for which a batch takes as long as the network would."""

    seconds: float  # of a batch
    label: str = "asleep"
    fingerprint: str = "asleep"
    predictions: None = None

    def load(self, sample: Sample, views: Sequence[View], needs: Collection[str]) -> Loaded:
        return Loaded(sample=sample)

    def maps(self, loaded: Sequence[Loaded], view: View, variants: Sequence[Variant]) -> RawMaps:
        time.sleep(self.seconds)
        raw = {n: np.random.default_rng(int(one.sample.image_id)).random((SIDE, SIDE)) for n, one in enumerate(loaded)}
        return RawMaps(
            view=view,
            loaded=loaded,
            layouts=[view.layout(one.sample.size_wh) for one in loaded],
            crops=lambda variant, image: [raw[image]],
        )


def experiment(shards: int, seconds: float) -> Experiment:
    """A run of so many shards, each of which takes so long."""
    return Experiment(
        dataset=Unseen(count=shards * BATCH * BATCHES),
        classifier=None,
        stored=cast("StoredMaps", Asleep(seconds=seconds / BATCHES)),
        variants=(cast("Variant", StoredVariant("asleep")),),
        protocols=(named("choe2020_v1"),),
        metrics=(),
        view=view_named("squash", 224),
        batch_size=BATCH,
        shard_size=BATCH * BATCHES,
        threads=1,
        gallery=0,
    )


def work(run: Experiment, folder: RunFolder, number: int, of: int, facts: Path) -> None:
    """One worker; it writes when it had started, when each of its shards was done, and what it cost, into a file."""
    time.sleep(number / of * STAGGER)
    started, done, cpu = time.time(), [], time.process_time()

    def note(shard: Shard, here: bool) -> None:
        if here:
            done.append(time.time())

    with Worker(folder.path) as worker:
        Shift(run, folder, run.shards, worker, first=number * len(run.shards) // of, on_shard=note).run()
    assert "torch" not in sys.modules
    known = {"started": started, "done": done, "cpu": time.process_time() - cpu, "mb": _private_mb()}
    (facts / f"{number}.json").write_text(json.dumps(known))


def measured(workers: int, shards_each: int, seconds: float) -> dict[str, Any]:
    """See above. Raises RuntimeError where a worker failed or a shard is missing."""
    run = experiment(workers * shards_each, seconds)
    run.shards, run.sample_digests, run.dataset.fingerprint()  # made once, before the forks
    with tempfile.TemporaryDirectory() as place:
        warm = experiment(1, 0.0)
        evaluate(warm, warm.shards, RunFolder(Path(place) / "warm"))  # compiled before the forks, too
        folder, facts = RunFolder(Path(place) / run.folder_name), Path(place) / "facts"
        facts.mkdir()
        gc.freeze()  # the collector would write to, and so copy, every page that the forks share
        children = []
        for number in range(workers):
            child = os.fork()
            if not child:
                code = 1
                try:
                    work(run, folder, number, workers, facts)
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        known = [json.loads(file.read_text()) for file in facts.glob("*.json")]
        complete = sum(run.work <= folder.done(shard) for shard in run.shards)
    if any(codes) or complete < len(run.shards):
        raise RuntimeError(f"{sum(map(bool, codes))} workers failed; {complete} of {len(run.shards)} shards are there")
    done = sorted(when for one in known for when in one["done"])
    started = max(one["started"] for one in known)
    counted = [when for when in done if when > started]
    took = done[-1] - started
    return {
        "workers": workers,
        "shards": len(run.shards),
        "twice": len(done) - len(run.shards),
        "seconds": took,
        "efficiency": len(counted) * seconds / (workers * took),
        "cpu_ms": 1000 * sum(one["cpu"] for one in known) / len(run.shards),
        "mb": max(one["mb"] for one in known),
    }


def _private_mb() -> float:
    """Memory that this process shares with no other; 0 where the system doesn't say."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--shards", type=int, default=20, help="per worker")
    parser.add_argument("--seconds", type=float, default=1.0, help="that a shard takes")
    chosen = parser.parse_args()
    print(json.dumps(measured(chosen.workers, chosen.shards, chosen.seconds)))


if __name__ == "__main__":
    main()
