"""The shards, one after the other, in this process."""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable
from typing import TYPE_CHECKING

from wsol.evaluation.engines.part import Part
from wsol.evaluation.shard import batches, evaluate, is_complete
from wsol.evaluation.stopping import stop_on_signals
from wsol.progress import Progress

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder

log = logging.getLogger(__name__)

ALL = Part()


def run_local(experiment: Experiment, folder: RunFolder, part: Part = ALL, *, profile: Profile | None = None) -> None:
    """Evaluate what is missing of a part of the shards.

    Ctrl-C and the signals by which systems end a process stop it with the finished rows on the disk.
    """
    mine = part.take(experiment.shards)
    left = [shard for shard in mine if not is_complete(experiment, shard, folder)]
    if part != ALL:
        log.info("part %s: %d of %d shards", part, len(mine), len(experiment.shards))
    if len(left) < len(mine):
        log.info("%d of %d shards are already there", len(mine) - len(left), len(mine))
    if not left:
        return
    started = time.perf_counter()
    kinds: dict[Hashable, tuple[int, float]] = {}
    for batch in (batch for shard in left for batch in batches(experiment, shard, folder)):
        images = kinds.get(batch.kind, (0, 0.0))[0] + len(batch.samples)
        kinds[batch.kind] = images, sum(map(len, batch.due.values()))
    with Progress(kinds, what=folder.name) as progress, stop_on_signals():
        failed = evaluate(
            experiment,
            left,
            folder,
            on_batch=lambda batch: progress.advance(batch.kind, len(batch.samples)),
            on_shard=lambda shard: progress.note(f"shard {shard.index + 1}/{len(experiment.shards)} written"),
            profile=profile,
        )
    log.info("%d shards in %.0f s", len(left), time.perf_counter() - started)
    for key, lines in failed.items():
        log.warning("%s failed on %d images, first %s: %s", key, len(lines), *lines[0])
