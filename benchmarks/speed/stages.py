"""What each stage of a run costs per image or per row on this machine: what docs/cost.md is computed from.

Six gradient methods at four layers under two protocols, from JPEG files in memory to Parquet files, as in `run.py`.
Loading and scoring are timed on one core, the network on all threads; rows are what the run's own profile says. The
stages are those of `wsol run profile=true`. Nothing is compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.speed.rows import Plan, Row
from benchmarks.speed.run import LAYERS, Pictures, experiment_of
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.profile import Profile
from wsol.evaluation.shard import evaluate
from wsol.localization.localize import localize
from wsol.runs.folder import RunFolder


def rows(plan: Plan) -> Iterator[Row]:
    for network in LAYERS:
        yield from of(plan, network)


def of(plan: Plan, network: str) -> Iterator[Row]:
    """Rows of one network."""
    data, batch = Pictures(count=plan.of(64, 8)), 64 if plan.cuda else 16
    experiment = experiment_of(network, data, device=plan.device, batch_size=batch, threads=plan.threads)
    source: Any = experiment.source()
    source.measured_batches = 0
    view, samples = experiment.view, list(experiment.samples.values())

    def load() -> list[Any]:
        return [source.load(sample, [view], set()) for sample in samples]

    def run_network() -> list[Any]:
        starts = range(0, len(loaded), batch)
        return [source.maps(loaded[n : n + batch], view, experiment.variants) for n in starts]

    loaded = load()
    maps = run_network()
    items = [part.image_map(v, n) for part in maps for v in experiment.variants for n in range(len(part.loaded))]
    calls = [load, run_network, lambda: localize(items, experiment.protocols)]
    loading, passing, scoring = plan.in_turn(calls, repeats=3)
    rows_of(experiment, source)  # loads what is needed
    writing, size = rows_of(experiment, source)
    count, variants = len(samples), len(experiment.variants)
    for stage, seconds, note in (
        ("load", loading, "one core: decode, resize, normalize"),
        ("network", passing, f"{plan.threads} threads: one forward and backward, all variants"),
        ("score", scoring, "one core: both protocols, every threshold"),
        ("rows", writing, "one core: columns and the file"),
    ):
        ms = 1e3 * seconds / count
        name = f"{stage}, {network}, {variants} variants"
        facts = {f"{network}/{stage}": ms, f"{network}/variants": float(variants)}
        yield Row(topic="stages", work=name, ours=ms, unit="ms per image", note=note, facts=facts)
    each = size / count / variants
    facts = {f"{network}/bytes": each}
    yield Row(topic="stages", work=f"a row on disk, {network}, two protocols", ours=each, unit="bytes", facts=facts)


def rows_of(experiment: Experiment, source: Any) -> tuple[float, float]:
    """Seconds that a run spends on columns and files, and the bytes of its rows."""
    profile = Profile()
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run")
        evaluate(experiment, experiment.shards, folder, source=source, profile=profile)
        size = sum(file.stat().st_size for file in folder.path.rglob("*.parquet"))
    spent = profile.seconds()
    return spent.get("rows", 0.0) + spent.get("write", 0.0), float(size)
