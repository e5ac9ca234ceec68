"""The shards, one after the other, in this process."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wsol.engines.part import Part
from wsol.evaluation.profile import Profile
from wsol.evaluation.shard import evaluate, is_complete
from wsol.progress import Progress
from wsol.stopping import stop_on_signals

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.store import RunFolder, Shard

log = logging.getLogger(__name__)

ALL = Part()


def run_local(
    experiment: Experiment, folder: RunFolder, part: Part = ALL, *, profile: Profile | None = None
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Evaluate what is missing of a part of the shards; returns the rows that failed, see `evaluate`.

    Ctrl-C and the signals by which systems end a process stop it with the finished rows on the disk.
    """
    mine = part.take(experiment.shards)
    left = [shard for shard in mine if not is_complete(experiment, shard, folder)]
    if part != ALL:
        log.info("part %s: %d of %d shards", part, len(mine), len(experiment.shards))
    if len(left) < len(mine):
        log.info("%d of %d shards are already there", len(mine) - len(left), len(mine))
    if not left:
        return {}
    started = time.perf_counter()
    with Progress(total=sum(len(shard.image_ids) for shard in left), what=folder.name) as progress, stop_on_signals():

        def written(shard: Shard) -> None:
            progress.note(f"shard {shard.index + 1}/{len(experiment.shards)} written")

        failed = evaluate(
            experiment, left, folder, on_images=progress.advance, on_shard=written, profile=profile or Profile()
        )
    log.info("%d shards in %.0f s", len(left), time.perf_counter() - started)
    for key, lines in failed.items():
        log.warning("%s failed on %d images, first %s: %s", key, len(lines), *lines[0])
    return failed
