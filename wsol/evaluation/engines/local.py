"""The shards in this process."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from wsol.errors import OutputError
from wsol.evaluation.batches import batches
from wsol.evaluation.engines.part import Part
from wsol.evaluation.engines.rounds import run_rounds
from wsol.evaluation.engines.shift import Shift
from wsol.progress import Progress
from wsol.runs.leases import Worker

if TYPE_CHECKING:
    from wsol.evaluation.batches import Batch
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard

log = logging.getLogger(__name__)

ALL = Part()


def run_local(
    experiment: Experiment,
    folder: RunFolder,
    part: Part = ALL,
    *,
    first: int = 0,
    profile: Profile | None = None,
    keep_going: bool = True,
) -> None:
    """Evaluate what is missing of a part of the shards, and wait for what others are evaluating of it.

    Ctrl-C and the signals by which systems end a process stop it with the finished rows on the disk.

    Parameters
    ----------
    first : the place of the shard to begin with.
    keep_going : try a batch that fails again, and then give it up; otherwise its error is raised.

    Raises
    ------
    RowsFailed : some batches could not be computed; all others are there.
    OutputError : the rows don't stay on the disk.
    """
    mine = part.take(experiment.shards)
    if part != ALL:
        log.info("part %s: %d of %d shards", part, len(mine), len(experiment.shards))

    def work(left: Sequence[Shard]) -> None:
        with Worker(folder.path) as worker:
            _work(experiment, folder, left, worker, first, profile, keep_going=keep_going)

    unfinished = OutputError(f"rows don't stay in {folder.path}: something deletes them; choose another folder")
    run_rounds(experiment, folder, mine, work, unfinished=unfinished)


def _work(
    experiment: Experiment,
    folder: RunFolder,
    left: Sequence[Shard],
    worker: Worker,
    first: int,
    profile: Profile | None,
    *,
    keep_going: bool,
) -> None:
    kinds: dict[Hashable, tuple[int, float]] = {}
    of_shard: dict[int, dict[Hashable, int]] = {shard.index: defaultdict(int) for shard in left}
    for batch in (batch for shard in left for batch in batches(experiment, shard, folder)):
        images = kinds.get(batch.kind, (0, 0.0))[0] + len(batch.samples)
        kinds[batch.kind] = images, sum(map(len, batch.due.values()))
        of_shard[batch.shard.index][batch.kind] += len(batch.samples)
    with Progress(kinds, what=folder.name) as progress:

        def on_batch(batch: Batch) -> None:
            of_shard[batch.shard.index][batch.kind] -= len(batch.samples)
            progress.advance(batch.kind, len(batch.samples))

        def on_shard(shard: Shard, here: bool) -> None:
            if here:
                progress.note(f"shard {shard.index + 1}/{len(experiment.shards)} written")
            for kind, images in of_shard[shard.index].items():
                progress.drop(kind, images)

        shift = Shift(
            experiment,
            folder,
            left,
            worker,
            first=first,
            on_batch=on_batch,
            on_shard=on_shard,
            profile=profile,
            keep_going=keep_going,
        )
        shift.run()
    for key, lines in shift.failed.items():
        log.warning("%s failed on %d images, first %s: %s", key, len(lines), *lines[0])
