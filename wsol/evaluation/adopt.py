"""Rows of other runs that are this run's own: a run over more images of the same set takes the rows that exist.

Another run folder under the same network, view, seed and numerics may hold images of this run, whatever the number of
images was there. An image is the same where its facts and what its dataset stamps it with are.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from wsol.errors import OutputError
from wsol.runs.folder import RunFolder
from wsol.runs.merge import NO_ROWS
from wsol.runs.snapshot import Snapshot

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.runs.shards import Work

log = logging.getLogger(__name__)


def adopt(experiment: Experiment, folder: RunFolder) -> int:
    """Write into `folder` what its sister folders know of this experiment's images; returns how many images."""
    family = json.loads(json.dumps(experiment.family, default=str))
    sisters = [RunFolder(p.parent) for p in sorted(folder.path.parent.glob("*/run.json")) if p.parent != folder.path]
    taken = 0
    for sister in sisters:
        if _family(sister) == family:
            taken += _adopt_from(sister, experiment, folder)
    if taken:
        log.info("rows of %d images are taken from other runs of the same network and data", taken)
    return taken


def _adopt_from(sister: RunFolder, experiment: Experiment, folder: RunFolder) -> int:
    sampled = {metric.name for metric in experiment.metrics if metric.sample is not None}  # another set, another sample
    known = {pair for footer in sister.footers() for pair in footer.work}
    work = frozenset(pair for pair in experiment.work & known if pair[1] not in sampled)
    snapshot = Snapshot(folder.path)
    shards = [shard for shard in experiment.shards if work - snapshot.done(shard)]
    if not shards:
        return 0
    covered, tables = sister.covered(), sister.tables({key for key, _ in work})
    digests: dict[str, str] = {}
    for table in tables.values():
        digests |= dict(zip(table["image_id"].to_pylist(), table["sample_digest"].to_pylist(), strict=True))
    samples = {variant.key: variant.sample for variant in experiment.variants}
    taken = 0
    for shard in shards:
        held = folder.held(shard)
        groups: dict[Work, list[str]] = defaultdict(list)
        for image_id in shard.image_ids:
            if digests.get(image_id) == experiment.sample_digests[image_id]:
                there = covered[image_id] & work
                needless = {pair for pair in work if not experiment.in_sample(image_id, samples[pair[0]])}
                groups[frozenset(there | needless) - held.of_image(image_id)].append(image_id)
        for useful, ids in groups.items():
            if useful:
                whole = set(ids) == set(shard.image_ids)
                rows = _rows(experiment, tables, useful, ids)
                folder.write(shard, rows, useful, sister.about(), image_ids=() if whole else ids)
                taken += len(ids)
        folder.join_parts(shard)
    return taken


def _family(folder: RunFolder) -> object:
    try:
        return folder.manifest.get("family")
    except OutputError:  # a damaged manifest counts as no rows
        return None


def _rows(experiment: Experiment, tables: dict[str, pa.Table], work: Work, ids: list[str]) -> pa.Table:
    """The rows of these images with the columns of these measures, variant by variant."""
    parts = []
    for variant in experiment.variants:
        measures = {measure for key, measure in work if key == variant.key}
        if measures and variant.key in tables:
            table = tables[variant.key]
            keep = [c for c in table.column_names if "/" not in c or c.rpartition("/")[0] in measures]
            wanted = [i for i in ids if experiment.in_sample(i, variant.sample)]
            parts.append(table.select(keep).filter(pc.is_in(table["image_id"], pa.array(wanted, pa.string()))))
    return pa.concat_tables(parts, promote_options="permissive") if parts else NO_ROWS
