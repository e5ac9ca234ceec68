"""What a run lacks, in batches: which images go together, and which rows, pictures and maps are due of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsol.evaluation.kept import unkept
from wsol.runs import gallery

if TYPE_CHECKING:
    from wsol.datasets.base import Sample
    from wsol.evaluation.experiment import Experiment
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard, Work

PICTURE = ""  # stands among variants for the small copy of the image


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images that lack the same.

    Attributes
    ----------
    due : by variant key, the names of missing protocols and metrics.
    unseen : by image id, the variant keys whose maps the gallery lacks, and PICTURE.
    keep : the keys among `Experiment.kept_variants` whose raw maps the run is to keep.
    left : the pairs that are complete for these images behind this batch, those of variants that don't take them too.
    last : nothing of the shard is left behind it.
    unread : whether images that could not be loaded were left out; the shard is not complete then.
    cut : images at a time where those asked for would keep rows from the disk for too long, else None.
    """

    shard: Shard
    samples: tuple[Sample, ...]
    due: Mapping[str, frozenset[str]]
    unseen: Mapping[str, frozenset[str]]
    left: Work
    keep: frozenset[str] = frozenset()
    last: bool = False
    unread: bool = False
    cut: int | None = None

    @property
    def idle(self) -> bool:
        """Nothing is to be computed: the images are in nobody's sample."""
        return not self.due and not self.unseen and not self.keep

    @property
    def kind(self) -> Hashable:
        """The same for all batches that take as long."""
        return kind_of(self.due)


def kind_of(due: Mapping[str, frozenset[str]]) -> Hashable:
    """What is due, whatever the images."""
    return frozenset(due.items())


def batches(
    experiment: Experiment,
    shard: Shard,
    folder: RunFolder,
    sizes: Mapping[Hashable, int] | None = None,
    *,
    given_up: Collection[str] = (),
) -> Iterator[Batch]:
    """The images of a shard that lack something: of each `batch_size` neighbors those together that lack the same rows.

    The last bits of a map know the batch it was in. So what is in a batch follows from the shard and from what is asked
    for, never from what is done already, and the gallery, which must move no row, decides nothing. Images that can't be
    read are missing from theirs. Where `sizes` cut a batch nevertheless, `Batch.cut` says so, and rows do.

    Parameters
    ----------
    sizes : smaller batches for some kinds of images; read when a batch is made.
    given_up : images that are left out of their batches; the shard is not complete then.
    """
    given_up = frozenset(given_up)
    held = folder.held(shard)
    unseen = _unseen(experiment, shard, folder)
    lost = unkept(experiment, shard, folder.path)
    if experiment.work <= held.complete and not unseen and not lost:
        return
    lacking = {image_id: experiment.work - held.of_image(image_id) for image_id in shard.image_ids}
    waiting = sum(bool(left) or image_id in unseen or image_id in lost for image_id, left in lacking.items())
    for start in range(0, len(shard.image_ids), experiment.batch_size):
        groups: dict[tuple[Work, Work, frozenset[str]], list[str]] = defaultdict(list)
        for image_id in shard.image_ids[start : start + experiment.batch_size]:
            left = lacking[image_id]
            taking = {v.key for v in experiment.variants if experiment.in_sample(image_id, v.sample)}
            maps = lost.get(image_id, frozenset())
            if left or image_id in unseen or maps:
                groups[left, frozenset(pair for pair in left if pair[0] in taking), maps].append(image_id)
        for (left, pairs, maps), ids in groups.items():
            measures: dict[str, set[str]] = {v.key: set() for v in experiment.variants}
            for key, measure in pairs:
                measures[key].add(measure)
            due = {key: frozenset(names) for key, names in measures.items() if names}
            asked = len(ids)
            while ids:
                size = (sizes or {}).get(kind_of(due), asked)
                chosen, ids = ids[:size], ids[size:]
                chosen = [image_id for image_id in chosen if image_id not in given_up]
                if not chosen:
                    continue
                waiting -= len(chosen)
                yield Batch(
                    shard=shard,
                    samples=tuple(experiment.samples[image_id] for image_id in chosen),
                    due=due,
                    unseen={image_id: frozenset(unseen[image_id]) for image_id in chosen if image_id in unseen},
                    keep=maps,
                    left=left,
                    last=not waiting,
                    cut=size if size < asked else None,
                )


def _unseen(experiment: Experiment, shard: Shard, folder: RunFolder) -> dict[str, set[str]]:
    """By image id, the variants whose maps the gallery should keep and lacks, and PICTURE for the image's own copy."""
    if experiment.classifier is None:
        return {}
    chosen = [i for i in shard.image_ids if experiment.in_sample(i, experiment.gallery)]
    kept = gallery.kept(folder, shard, experiment.gallery_protocol.name) if chosen else set()
    unseen: dict[str, set[str]] = {}
    for image_id in chosen:
        wanted = {v.key for v in experiment.variants if experiment.in_sample(image_id, v.sample)}
        lacking = {key for key in (*wanted, PICTURE) if (key, image_id) not in kept}
        if lacking and wanted:
            unseen[image_id] = lacking
    return unseen


def is_complete(experiment: Experiment, shard: Shard, folder: RunFolder) -> bool:
    """Whether `evaluate` would find nothing to do."""
    if not experiment.work <= folder.done(shard) or _unseen(experiment, shard, folder):
        return False
    return not unkept(experiment, shard, folder.path)
