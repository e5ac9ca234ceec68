"""How well workers share a run: 1 to 64 of them, whose maps come from a sleep of a second per shard.

No network and no torch, so that many fit on one machine; all else is what a worker process does: leases, boxes, rows
and files. `ratio` is the efficiency: the share of the workers' time in which shards were made, from when all had
started until the last shard was written. Beside each other on few cores, workers also wait for a core; the note says
how much processor time a shard takes, by which machines that have a core per worker differ from this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.rows import Plan, Row

ROOT = Path(__file__).resolve().parents[2]
WORKERS = (1, 2, 8, 32, 64)
TARGET = 0.9  # of 64 workers


def rows(plan: Plan) -> Iterator[Row]:
    shards = plan.of(20, 5)
    for workers in WORKERS:
        known = measured(workers, shards)
        yield Row(
            topic="workers",
            work=f"{workers} worker{'s' * (workers > 1)}, {known['shards']} shards of 1 s",
            against="their sleep alone",
            theirs=known["efficiency"] * known["seconds"],
            ours=known["seconds"],
            ratio=known["efficiency"],
            goal="at least",
            target=TARGET if workers == max(WORKERS) else None,
            note=f"{known['cpu_ms']:.1f} ms of a core per shard, {known['mb']:.0f} MB per worker, "
            f"{os.cpu_count()} cores, no shard twice",
            facts={f"efficiency/{workers}": known["efficiency"], f"cpu_ms/{workers}": known["cpu_ms"]},
        )


def measured(workers: int, shards: int) -> dict[str, float]:
    """What `benchmarks.speed.simulated` prints, from a process of its own that has not imported torch."""
    words = [sys.executable, "-m", "benchmarks.speed.simulated", "--workers", str(workers), "--shards", str(shards)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    known: dict[str, float] = json.loads(done.stdout)
    assert known["twice"] == 0, f"{known['twice']} shards were computed twice"
    return known
