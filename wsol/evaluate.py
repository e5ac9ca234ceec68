"""One shard: images in, rows out. Engines call `evaluate_shard` and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.runs import gallery
from wsol.batch import Batch, Kept
from wsol.looking import Looker

if TYPE_CHECKING:
    from wsol.datasets.base import Sample
    from wsol.evaluation.experiment import Experiment
    from wsol.rows import Row
    from wsol.store import RunFolder, Shard


def evaluate_shard(
    experiment: Experiment,
    shard: Shard,
    folder: RunFolder,
    looker: Looker,
    *,
    on_images: Callable[[int], None] = lambda images: None,
) -> Path | None:
    """Compute what `folder` lacks of this shard and write it as one file; None when nothing is missing.

    Parameters
    ----------
    on_images : told how many more images are done, for progress.
    """
    left = experiment.work - folder.done(shard)
    keep = Kept(gallery.missing(experiment, shard, folder))
    if not left and not keep.left:
        return None
    todo: dict[str, set[str]] = defaultdict(set)
    for variant_key, measure in left:
        todo[variant_key].add(measure)
    rows: dict[str, list[Row]] = {v.key: [] for v in experiment.variants if v.key in todo}
    with ThreadPoolExecutor(max_workers=experiment.threads) as pool:
        for batch in _batches(experiment, shard.image_ids if left else keep.image_ids):
            for row in Batch(experiment, looker, pool, batch, todo, keep).rows():
                rows[row["variant"]].append(row)
            on_images(len(batch))
    if keep.left:  # before the rows, by which a shard is known to be done
        protocol = gallery.box_protocol(experiment.protocols, experiment.view)
        gallery.write(folder, shard, protocol, keep.pictures, keep.shown)
    if not left:
        return None
    return folder.write(shard, [row for group in rows.values() for row in group], left, experiment.about())


def is_complete(experiment: Experiment, shard: Shard, folder: RunFolder) -> bool:
    """Whether `evaluate_shard` would find nothing to do."""
    return experiment.work <= folder.done(shard) and not gallery.missing(experiment, shard, folder)


def _batches(experiment: Experiment, image_ids: Sequence[str]) -> Iterator[list[Sample]]:
    size = experiment.batch_size
    samples = [experiment.samples[image_id] for image_id in image_ids]
    yield from (samples[start : start + size] for start in range(0, len(samples), size))
