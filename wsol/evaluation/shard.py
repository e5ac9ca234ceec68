"""Shards of images to rows on disk. Engines call `evaluate` and nothing else."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from wsol.evaluation.batch import BatchEvaluation, BatchRows
from wsol.evaluation.batches import Batch, batches
from wsol.evaluation.kept import KeptMaps
from wsol.evaluation.pipeline import Pipeline
from wsol.evaluation.profile import Profile
from wsol.evaluation.scoring import Scorer
from wsol.evaluation.scoring_processes import scorer_of
from wsol.models.allocator import freed_memory_kept
from wsol.runs import gallery, kept
from wsol.runs.merge import NO_ROWS

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.maps.source import Loaded, MapSource
    from wsol.runs.folder import RunFolder
    from wsol.runs.gallery import Picture, Shown
    from wsol.runs.kept import Kept
    from wsol.runs.shards import Shard, Work

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0  # rows reach the disk at least so often, and within a minute whatever one batch takes
BATCH_SECONDS = 30.0  # a kind of batch that takes longer is made smaller, so that its rows reach the disk in time


def raise_it(batch: Batch, error: Exception) -> None:
    """What `evaluate` does with the error of a batch unless told otherwise."""
    raise error


def raise_first(batch: Batch, errors: Mapping[str, Exception]) -> None:
    """What `evaluate` does with images that can't be loaded unless told otherwise."""
    raise next(iter(errors.values()))


def evaluate(
    experiment: Experiment,
    shards: Iterable[Shard],
    folder: RunFolder,
    *,
    source: MapSource | None = None,
    on_batch: Callable[[Batch], None] = lambda batch: None,
    on_shard: Callable[[Shard], None] = lambda shard: None,
    on_error: Callable[[Batch, Exception], None] = raise_it,
    on_unread: Callable[[Batch, Mapping[str, Exception]], None] = raise_first,
    given_up: Callable[[Shard], Collection[str]] = lambda shard: (),
    profile: Profile | None = None,
) -> dict[str, list[tuple[str, str]]]:
    """Compute what `folder` lacks of these shards; a shard that is complete is one file, others may be parts.

    Whatever stops it, an error or a signal, the rows of all finished batches are on the disk behind it.

    Parameters
    ----------
    shards : the next one is asked for while the last batches of the one before are computed.
    source : where the maps come from; by default the experiment's own, made anew.
    on_batch : called with each batch that is done; on_shard : with each shard that is complete.
    on_error : called with a batch that can't be computed; where it returns, that is the end of the evaluation.
    on_unread : called with the errors of images that can't be loaded, by image id; where it returns, they are left out
        of their batch, of which at least one image is left.
    given_up : images of a shard that are left out.

    Returns
    -------
    By variant key, (image id, first line of the error) of each row that failed.
    """
    profile = profile or Profile()
    made = kept_maps(experiment, folder) if experiment.classifier is not None else None
    around = ExitStack()
    scorer = around.enter_context(_surroundings(experiment))
    stages = BatchEvaluation(experiment, source or experiment.source(), profile, made, scorer)

    def without(batch: Batch, lost: Mapping[int, Exception]) -> Batch:
        errors = {batch.samples[place].image_id: error for place, error in lost.items()}
        if len(lost) == len(batch.samples):
            raise_first(batch, errors)
        on_unread(batch, errors)
        return stages.without(batch, lost)

    pipeline: Pipeline[Batch, Loaded, Any, BatchRows] = Pipeline(
        load=stages.load,
        without=without,
        compute=stages.compute,
        quiet=stages.quiet,
        threads=experiment.threads,
        take_turns=experiment.classifier is not None and experiment.numerics.device == "cpu",
        profile=profile,
    )
    failed: dict[str, list[tuple[str, str]]] = defaultdict(list)
    writer = _Writer(experiment, folder)
    sizes: dict[Hashable, int] = {}
    results = pipeline.run(
        batch for shard in shards for batch in batches(experiment, shard, folder, sizes, given_up=given_up(shard))
    )
    before = time.monotonic()
    try:
        for rows in results:
            images, seconds = len(rows.batch.samples), time.monotonic() - before
            if seconds > BATCH_SECONDS:
                sizes[rows.batch.kind] = max(1, int(images * BATCH_SECONDS / seconds))
            before = time.monotonic()
            with profile.stage("write"):
                complete = writer.add(rows)
            on_batch(rows.batch)
            for key, lines in rows.failed.items():
                failed[key] += lines
            if complete:
                on_shard(rows.batch.shard)
    except Exception as error:
        if pipeline.failing is None:
            raise
        on_error(pipeline.failing, error)
    finally:
        results.close()
        around.close()
        writer.flush()
    return failed


@contextmanager
def _surroundings(experiment: Experiment) -> Iterator[Scorer]:
    """What scores maps while a run lasts; memory that is kept on a CPU, and on a GPU kernels that repeat their bits."""
    with ExitStack() as stack:
        if experiment.classifier is not None and experiment.numerics.device == "cpu":
            stack.enter_context(freed_memory_kept())
        if experiment.numerics.device.startswith("cuda"):
            from wsol.models.determinism import deterministic

            stack.enter_context(deterministic())
        yield stack.enter_context(scorer_of(experiment))


def evaluate_shard(experiment: Experiment, shard: Shard, folder: RunFolder) -> None:
    """`evaluate` for one shard. Doing it twice changes nothing."""
    evaluate(experiment, [shard], folder)


def kept_maps(experiment: Experiment, folder: RunFolder) -> KeptMaps | None:
    """The maps that a run keeps already; None where it keeps none."""
    if not kept.has_any(folder.path):
        return None
    return KeptMaps(folder.path, experiment.dataset, experiment.shard_of, device=experiment.numerics.device)


class _Writer:
    """Collects the rows of one shard after the other; writes a part now and then, and the whole when it is there."""

    def __init__(self, experiment: Experiment, folder: RunFolder) -> None:
        self.experiment, self.folder = experiment, folder
        self._shard: Shard | None = None
        self._waiting: dict[Work, list[BatchRows]] = defaultdict(list)
        self._pictures: list[Picture] = []
        self._shown: list[Shown] = []
        self._maps: list[Kept] = []
        self._written = time.monotonic()
        self._unread = False  # whether images of the shard could not be loaded
        self._parts = False  # whether files were written that have not all images of the shard

    def add(self, rows: BatchRows) -> bool:
        """Take the rows of a batch; whether its shard is complete now."""
        if self._shard not in (None, rows.batch.shard):  # of the one before, some batches were given up
            self.flush()
            self._unread = self._parts = False
        self._shard = rows.batch.shard
        self._unread |= rows.batch.unread
        self._waiting[rows.batch.left].append(rows)
        self._pictures += rows.pictures
        self._shown += rows.shown
        self._maps += rows.maps
        if rows.batch.last or time.monotonic() - self._written > EVERY_SECONDS:
            self.flush()
        complete = rows.batch.last and not self._unread
        if complete and self._parts:
            self.folder.join_parts(rows.batch.shard)
        return complete

    def flush(self) -> None:
        """Write what is waiting: all maps before the rows, by which images are known to be done."""
        shard = self._shard
        if shard is None:
            return
        if self._maps:
            kept.write(self.folder.path, shard.index, self._maps)
        if self._pictures or self._shown:
            gallery.write(self.folder, shard, self.experiment.gallery_protocol, self._pictures, self._shown)
        for left, waiting in self._waiting.items():
            if left:
                ids = [sample.image_id for rows in waiting for sample in rows.batch.samples]
                whole = set(ids) == set(shard.image_ids)
                self._parts |= not whole
                self.folder.write(
                    shard, self._ordered(waiting), left, self.experiment.about(), image_ids=() if whole else sorted(ids)
                )
        self._waiting.clear()
        self._pictures, self._shown, self._maps = [], [], []
        self._written = time.monotonic()

    def _ordered(self, waiting: Sequence[BatchRows]) -> pa.Table:
        """All rows, variant by variant, each in the order of image ids."""
        tables = [rows.table for rows in waiting if rows.table is not None]
        if not tables:
            return NO_ROWS
        rows = pa.concat_tables(tables, promote_options="permissive")
        order = {v.key: n for n, v in enumerate(self.experiment.variants)}
        places = pa.array([order[key] for key in rows["variant"].to_pylist()])
        keys = pa.table({"variant": places, "image": rows["image_id"]})
        return rows.take(pc.sort_indices(keys, [("variant", "ascending"), ("image", "ascending")]))
