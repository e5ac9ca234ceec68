"""The shards in this process."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from wsol.errors import OutputError, RowsFailed
from wsol.evaluation.engines.part import Part
from wsol.evaluation.engines.shift import Shift
from wsol.evaluation.shard import batches, is_complete
from wsol.evaluation.stopping import stop_on_signals
from wsol.progress import Progress
from wsol.runs import failures
from wsol.runs.leases import WORK, Worker
from wsol.runs.snapshot import Snapshot
from wsol.runs.sweep import sweep

if TYPE_CHECKING:
    from wsol.evaluation.batch import Batch
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard

log = logging.getLogger(__name__)

ALL = Part()
ROUNDS = 3  # of a run whose rows are gone when it ends, since somebody deletes them


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
    for _ in range(ROUNDS):
        with stop_on_signals():
            left = prepare(experiment, folder, mine)
            if not left:
                return
            with Worker(folder.path) as worker:
                _work(experiment, folder, left, worker, first, profile, keep_going=keep_going)
        if raise_failures(experiment, folder, left) == 0:
            return
        log.warning("rows in %s are gone: the folder was deleted or changed during the run", folder.path)
    raise OutputError(f"rows don't stay in {folder.path}: something deletes them; choose another folder")


def prepare(experiment: Experiment, folder: RunFolder, shards: Sequence[Shard]) -> list[Shard]:
    """The shards that are not complete, once what killed processes left is taken away; what failed may be tried again.

    Raises OutputError where the folder can't be written.
    """
    with Worker(folder.path) as worker:
        sweep(folder.path, worker.is_alive)
        known = Snapshot(folder.path)
        for shard in shards:
            if any(file.footer.image_ids for file in known.files(shard.index)):
                folder.join_parts(shard)  # of a process that was killed behind the last of them
    left = incomplete(experiment, folder, shards)
    if len(left) < len(shards):
        log.info("%d of %d shards are already there", len(shards) - len(left), len(shards))
    failures.forget(folder.path, [shard.index for shard in left])
    return left


def incomplete(experiment: Experiment, folder: RunFolder, shards: Sequence[Shard]) -> list[Shard]:
    """Those of the shards that lack something."""
    known = Snapshot(folder.path)
    return [shard for shard in shards if not is_complete(experiment, shard, known)]


def tidy(folder: RunFolder) -> None:
    """Take away what workers left behind that were killed while others finished the run."""
    if (folder.path / WORK).is_dir():
        with Worker(folder.path) as worker:
            sweep(folder.path, worker.is_alive)


def raise_failures(experiment: Experiment, folder: RunFolder, shards: Sequence[Shard]) -> int:
    """How many of the shards are incomplete without having failed. Raises RowsFailed where some have failed."""
    left = incomplete(experiment, folder, shards)
    known = [one for shard in left if (one := failures.read(folder.path, shard.index)) is not None]
    if known:
        images, first = sum(len(one.image_ids) for one in known), known[0]
        count = f"{images} image{'s' * (images > 1)}"
        raise RowsFailed(
            f"{count} in {len(known)} of {len(experiment.shards)} shards could not be evaluated, first "
            f"{first.image_ids[0]}: {first.error} ({failures.place(folder.path, first.shard)}); all other rows are "
            "there, and the same command tries these again"
        )
    return len(left)


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
    started = time.perf_counter()
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
    log.info("%d shards in %.0f s", len(left), time.perf_counter() - started)
    for key, lines in shift.failed.items():
        log.warning("%s failed on %d images, first %s: %s", key, len(lines), *lines[0])
