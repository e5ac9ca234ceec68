"""The shards, one after the other, in this process."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from wsol.engines.part import Part
from wsol.evaluate import evaluate_shard, is_complete
from wsol.looking import Looker
from wsol.progress import Progress

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.store import RunFolder

log = logging.getLogger(__name__)

ALL = Part()


def run_local(experiment: Experiment, folder: RunFolder, part: Part = ALL) -> int:
    """Evaluate what is missing of a part of the shards; returns how many shards were computed.

    Rows are complete after every shard, so a killed run loses at most the shard it was in.
    """
    mine = part.take(experiment.shards)
    left = [shard for shard in mine if not is_complete(experiment, shard, folder)]
    if part != ALL:
        log.info("part %s: %d of %d shards", part, len(mine), len(experiment.shards))
    if len(left) < len(mine):
        log.info("%d of %d shards are already there", len(mine) - len(left), len(mine))
    if not left:
        return 0
    looker = Looker(
        experiment.classifier,
        device=experiment.numerics.device,
        precision=experiment.numerics.precision,
        seed=experiment.seed,
        chunk=experiment.chunk,
    )
    started = time.perf_counter()
    with Progress(total=sum(len(shard.image_ids) for shard in left), what=folder.name) as progress:
        for shard in left:
            evaluate_shard(experiment, shard, folder, looker, on_images=progress.advance)
            progress.note(f"shard {shard.index + 1}/{len(experiment.shards)} written")
    log.info("%d shards in %.0f s", len(left), time.perf_counter() - started)
    return len(left)
