"""What one worker does: it leases shards and computes them until none is left that somebody could compute."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsol.errors import DataError, WsolError, first_line
from wsol.evaluation.shard import batches, evaluate
from wsol.runs import failures
from wsol.runs.folder import digest_of

if TYPE_CHECKING:
    from wsol.evaluation.batch import Batch
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder
    from wsol.runs.leases import Worker
    from wsol.runs.shards import Shard

log = logging.getLogger(__name__)

TRIES = 3  # of a batch
IN_A_ROW = 3  # batches given up without one that succeeds between them: it is not the images then
LOOK_SECONDS = 1.0  # for which a look at all leases holds
POLL_SECONDS = (0.1, 5.0)  # between looks at what others do, at first and at most


def nothing(*_: object) -> None:
    """What is done where nobody wants to know."""


@dataclass
class Shift:
    """A worker's time on a run.

    Attributes
    ----------
    shards : those to be computed, by this worker or by others. first : the place of the one to begin with.
    on_batch : called with each batch that is done; on_shard : with each shard that is complete, and whether it was
        computed here.
    keep_going : try a batch that fails again, and then give it up; otherwise its error is raised.
    failed : by variant key, (image id, first line of the error) of each row that failed here.
    """

    experiment: Experiment
    folder: RunFolder
    shards: Sequence[Shard]
    worker: Worker
    first: int = 0
    on_batch: Callable[[Batch], None] = nothing
    on_shard: Callable[[Shard, bool], None] = nothing
    profile: Profile | None = None
    keep_going: bool = True
    failed: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._settled: set[int] = set()
        self._tries: Counter[tuple[int, str]] = Counter()
        self._in_a_row = 0
        self._digest = digest_of(self.experiment.work)
        self._before = {path.name for path in self.folder.path.glob(f"rows/*-{self._digest}.parquet")}

    def run(self) -> None:
        """Return when every shard is complete or was given up by whoever had it.

        Raises
        ------
        WsolError : what no other batch would be spared, such as a full disk.
        Exception : what several batches raised one after the other.
        """
        source, wait, waiting = self.experiment.source(), POLL_SECONDS[0], False
        while True:
            computed = evaluate(
                self.experiment,
                self._leased(),
                self.folder,
                source=source,
                on_batch=self._batch_done,
                on_shard=self._shard_done,
                on_error=self._batch_failed,
                on_unread=self._images_unread,
                given_up=self._given_up,
                profile=self.profile,
            )
            for key, lines in computed.items():
                self.failed[key] += lines
            busy = bool(self.worker.held)
            for index in list(self.worker.held):
                self.worker.release(index)
            left = len(self.shards) - len(self._settled)
            if not left:
                return
            if busy:
                wait = POLL_SECONDS[0]
                continue
            if not waiting:
                waiting = True
                log.info("%d shards are with other workers; waiting for them", left)
            time.sleep(wait)
            wait = min(2 * wait, POLL_SECONDS[1])

    def _leased(self) -> Iterator[Shard]:
        """Shards that nobody else works on, and of which something is due; they stay leased."""
        taken: frozenset[int] = frozenset()
        looked = -LOOK_SECONDS
        for shard in [*self.shards[self.first :], *self.shards[: self.first]]:
            if shard.index in self._settled or shard.index in self.worker.held:
                continue
            if self._is_written(shard):
                self._settled.add(shard.index)
                self.on_shard(shard, False)
                continue
            if shard.index in taken and time.monotonic() - looked < LOOK_SECONDS:
                continue
            if not self.worker.acquire(shard.index):
                if time.monotonic() - looked > LOOK_SECONDS:  # the next ones are with others, too, most likely
                    taken, looked = self.worker.taken(), time.monotonic()
                if self.worker.is_deadly(shard.index):
                    self._settled.add(shard.index)
                    self._report_deaths(shard)
                continue
            due = batches(self.experiment, shard, self.folder, given_up=self._given_up(shard))
            if next(due, None) is not None:
                yield shard
                continue
            self._settled.add(shard.index)
            self.worker.release(shard.index)
            self.on_shard(shard, False)

    def _is_written(self, shard: Shard) -> bool:
        """Whether another worker has written all rows of a shard meanwhile, which it does when all else is there.

        One look at the disk, since each of many workers looks for each of very many shards; who started them looks
        closely when they have ended. Rows that were there before say nothing of maps and pictures that were not.
        """
        place = self.folder.place(shard, self._digest)
        return place.name not in self._before and place.exists()

    def _batch_done(self, batch: Batch) -> None:
        self._in_a_row = 0
        self.worker.computed(len(batch.samples))
        self.on_batch(batch)

    def _shard_done(self, shard: Shard) -> None:
        self._settled.add(shard.index)
        self.worker.release(shard.index)
        self.on_shard(shard, True)

    def _given_up(self, shard: Shard) -> Sequence[str]:
        known = failures.read(self.folder.path, shard.index)
        return known.image_ids if known else ()

    def _images_unread(self, batch: Batch, errors: Mapping[str, Exception]) -> None:
        """Give up these images alone; raises where their batch is to be tried again first."""
        again = self._tries[_key(batch)] < TRIES - 1
        for error in errors.values():
            if not self.keep_going or self._is_everybodys(error) or (again and not isinstance(error, DataError)):
                raise error
        for image_id, error in errors.items():
            self._give_up(batch, [image_id], error)

    def _batch_failed(self, batch: Batch, error: Exception) -> None:
        """Try it again, or give it up; raises what is not the batch's own fault."""
        if not self.keep_going or self._is_everybodys(error):
            raise error
        self._tries[_key(batch)] += 1
        if self._tries[_key(batch)] < TRIES and not isinstance(error, DataError):
            log.warning("shard %d: %s; trying again", batch.shard.index + 1, first_line(error))
            return
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            raise error
        self._give_up(batch, [sample.image_id for sample in batch.samples], error)

    def _is_everybodys(self, error: Exception) -> bool:
        """Whether it ends the run: `wsol score` refuses what does not fit as a whole."""
        return isinstance(error, WsolError) and (bool(self.experiment.stored) or not isinstance(error, DataError))

    def _give_up(self, batch: Batch, ids: Sequence[str], error: Exception) -> None:
        file = failures.record(self.folder.path, batch.shard.index, ids, error)
        which = f"image {ids[0]} is" if len(ids) == 1 else f"{len(ids)} images from {ids[0]} on are"
        log.warning("shard %d: %s given up: %s (%s)", batch.shard.index + 1, which, first_line(error), file)

    def _report_deaths(self, shard: Shard) -> None:
        text = "every worker that took this shard ended without a word: killed, out of memory, or crashed"
        file = failures.record(self.folder.path, shard.index, shard.image_ids, text)
        log.warning("shard %d is given up: %s (%s)", shard.index + 1, text, file)


def _key(batch: Batch) -> tuple[int, str]:
    """What tells a batch from all others, when it is made again."""
    return batch.shard.index, batch.samples[0].image_id
