"""What each stage of a run costs per image or per row on this machine: what docs/cost.md computes from.

A run of six gradient methods at four layers under two protocols, from JPEG files in memory to Parquet files, as in
`run.py`; seconds by stage are the run's own (`wsol run profile=true`). Nothing is compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.rows import Plan, Row
from benchmarks.speed.run import LAYERS, Pictures, experiment_of
from wsol.evaluation.profile import Profile
from wsol.evaluation.shard import evaluate
from wsol.runs.folder import RunFolder

STAGES = {
    "load": ("wait for images",),
    "network": ("network",),
    "score": ("wait for scores",),
    "rows": ("rows", "write"),
}


def rows(plan: Plan) -> Iterator[Row]:
    for network in LAYERS:
        data = Pictures(plan.of(64, 8), decoded=plan.cuda)
        experiment = experiment_of(
            network, data, device=plan.device, batch_size=64 if plan.cuda else 16, threads=plan.threads
        )
        source = experiment.source()
        for warm in (True, True, False):  # the first batches also measure what each variant costs
            profile = Profile()
            with tempfile.TemporaryDirectory() as place:
                folder = RunFolder(Path(place) / "run")
                evaluate(experiment, experiment.shards, folder, source=source, profile=profile)
                size = sum(file.stat().st_size for file in folder.path.rglob("*.parquet"))
            if warm:
                continue
        spent, count = profile.seconds(), data.count
        variants = len(experiment.variants)
        for stage, parts in STAGES.items():
            ms = 1e3 * sum(spent.get(part, 0.0) for part in parts) / count
            yield Row(
                topic="stages",
                work=f"{stage}, {network}, 24 variants",
                ours=ms,
                unit="ms per image",
                note="waiting is what the stage adds where stages take turns on the same cores"
                if stage == "load"
                else "",
                facts={f"{network}/{stage}": ms},
            )
        yield Row(
            topic="stages",
            work=f"rows on disk, {network}, two protocols",
            ours=size / count / variants,
            unit="bytes per row",
            facts={f"{network}/bytes_per_row": size / count / variants},
        )
