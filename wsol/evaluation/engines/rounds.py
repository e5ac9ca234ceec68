"""Work on the shards of a run, in rounds: what all engines do before and behind the workers that they start."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wsol.errors import RowsFailed, WsolError
from wsol.evaluation.batches import is_complete
from wsol.evaluation.stopping import stop_on_signals
from wsol.runs import failures
from wsol.runs.leases import WORK, Worker
from wsol.runs.snapshot import Snapshot
from wsol.runs.sweep import sweep

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard

log = logging.getLogger(__name__)

ROUNDS = 3  # of a run whose rows are gone when it ends, since somebody deletes them


def run_rounds(
    experiment: Experiment,
    folder: RunFolder,
    shards: Sequence[Shard],
    work: Callable[[Sequence[Shard]], None],
    *,
    unfinished: WsolError,
) -> None:
    """Let `work` compute those of the shards that lack something, and again what it leaves, until all are there.

    Ctrl-C and the signals by which systems end a process are a `Stopped` in `work`, which leaves finished rows behind.

    Parameters
    ----------
    work : called with the incomplete shards; those that failed are noted in the folder when it returns.
    unfinished : raised where shards are incomplete after all rounds, and none of them has failed.

    Raises
    ------
    RowsFailed : some batches could not be computed; all others are there.
    OutputError : the folder can't be written.
    """
    for number in range(ROUNDS):
        with stop_on_signals():
            left = _prepare(experiment, folder, shards)
            if not left:
                return
            if number:
                log.warning("%d shards in %s are not there: rows were deleted, or workers died", len(left), folder.path)
            started = time.monotonic()
            work(left)
            log.info("%d shard%s in %.0f s", len(left), "s" * (len(left) > 1), time.monotonic() - started)
        _tidy(folder)
        if _raise_failures(experiment, folder, left) == 0:
            return
    raise unfinished


def _prepare(experiment: Experiment, folder: RunFolder, shards: Sequence[Shard]) -> list[Shard]:
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


def _tidy(folder: RunFolder) -> None:
    """Take away what workers left behind that were killed while others finished the run."""
    if (folder.path / WORK).is_dir():
        with Worker(folder.path) as worker:
            sweep(folder.path, worker.is_alive)


def _raise_failures(experiment: Experiment, folder: RunFolder, shards: Sequence[Shard]) -> int:
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
