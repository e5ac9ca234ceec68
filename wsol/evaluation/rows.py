"""Rows of a batch as columns: what is known of each image and variant, without a Python object for each row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wsol.datasets.ranks import classification, rank_of
from wsol.runs.merge import STATUS
from wsol.runs.schema import COUNTED, MEASURED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.measure import Measured
    from wsol.localization.records import Localizations
    from wsol.localization.steps import Steps
    from wsol.maps.source import RawMaps
    from wsol.methods._variants import Variant
    from wsol.views import View

NOT_FINITE = "the map holds NaN or infinite values"
NO_LOGITS = "the network's logits hold NaN or infinite values"


@dataclass(frozen=True, slots=True)
class Group:
    """(variant, image) pairs with the same measures due, variant by variant."""

    due: frozenset[str]
    pairs: tuple[tuple[Variant, int], ...]


def group_table(
    experiment: Experiment,
    group: Group,
    by_view: Mapping[View, RawMaps],
    localizations: Mapping[str, Localizations],
    metrics: Measured,
    digests: Sequence[str],
    finite: Sequence[bool],
) -> tuple[pa.Table, dict[str, list[tuple[str, str]]]]:
    """The rows of a group, and by variant key (image id, first line) of each that failed.

    Parameters
    ----------
    localizations, digests, finite : in the order of the group's pairs.
    """
    maps = by_view[experiment.view]
    images = [image for _, image in group.pairs]
    columns = _image_columns(maps, [v.key for v, _ in group.pairs], images)
    ids = columns["image_id"].to_pylist()
    columns["sample_digest"] = pa.array([experiment.sample_digests[image_id] for image_id in ids], pa.string())
    columns["map_digest"] = pa.array(digests, pa.string())
    status, failed = _status(group, by_view, metrics, finite)
    columns |= status | _class_columns(maps, images) | _cost_columns(maps, group)
    for protocol in experiment.protocols:
        if protocol.name in localizations:
            columns |= box_columns(protocol.name, localizations[protocol.name])
            view = experiment.view_of(protocol)
            logits = by_view[view].logits
            if view != experiment.view and logits is not None and experiment.classes is None:
                ranks = [rank_of(logits(i), one.sample.label) for i, one in enumerate(by_view[view].loaded)]
                columns[f"{protocol.name}/rank"] = pa.array([ranks[image] for image in images])
    for name in dict.fromkeys(name for row in metrics.columns for name in row):
        columns[name] = pa.array([row.get(name) for row in metrics.columns])
    return pa.table(columns), failed


def _image_columns(maps: RawMaps, keys: Sequence[str], images: Sequence[int]) -> dict[str, pa.Array]:
    loaded = [maps.loaded[image] for image in images]
    boxes = [np.asarray(one.sample.boxes_xyxy, np.float64).ravel() for one in loaded]
    offsets = np.cumsum([0] + [len(b) for b in boxes]).astype(np.int32)
    flat = np.concatenate([*boxes, np.zeros(0)])
    return {
        "image_id": pa.array([one.sample.image_id for one in loaded], pa.string()),
        "variant": pa.array(keys, pa.string()),
        "label": pa.array([one.sample.label for one in loaded], pa.int64()),
        "width": pa.array([one.sample.size_wh[0] for one in loaded], pa.int64()),
        "height": pa.array([one.sample.size_wh[1] for one in loaded], pa.int64()),
        "gt_boxes": pa.ListArray.from_arrays(offsets, flat),
        "image_digest": pa.array([one.image_digest for one in loaded], pa.string()),
        "mask_digest": pa.array([one.mask_digest for one in loaded], pa.string()),
    }


def _class_columns(maps: RawMaps, images: Sequence[int]) -> dict[str, pa.Array]:
    known: Sequence[Mapping[str, Any]] = maps.columns
    if not known and maps.logits is not None:
        known = [classification(maps.logits(i), one.sample.label) for i, one in enumerate(maps.loaded)]
    return {name: pa.array([known[image][name] for image in images]) for name in (known[0] if known else ())}


def _cost_columns(maps: RawMaps, group: Group) -> dict[str, pa.Array]:
    if not maps.costs:
        return {}
    spent = [maps.costs[variant.key][image].columns() for variant, image in group.pairs]
    return {name: pa.array([one[name] for one in spent], pa.float64()) for name in (*COUNTED, *MEASURED)}


def box_columns(protocol: str, localized: Localizations) -> dict[str, pa.Array]:
    """Step functions of tau as columns: IoU, and the number of boxes or, where there is only one, the box."""
    columns = {
        "breaks": _lists(localized.iou, localized.iou.breaks),
        "iou": _lists(localized.iou, localized.iou.values),
    }
    if localized.count is not None:
        columns |= {
            "count_breaks": _lists(localized.count, localized.count.breaks),
            "count": _lists(localized.count, localized.count.values),
        }
    if localized.boxes is not None:
        offsets = localized.boxes.offsets * 4
        columns["box_breaks"] = _lists(localized.boxes, localized.boxes.breaks)
        columns["boxes"] = pa.ListArray.from_arrays(offsets, np.ascontiguousarray(localized.boxes.values).reshape(-1))
    if localized.hits is not None:
        packed = [row.tobytes() for row in localized.hits]
        columns["hits"] = pa.array(packed, pa.binary(localized.hits.shape[1]))
    return {f"{protocol}/{name}": column for name, column in columns.items()}


def _lists(steps: Steps, values: NDArray[Any]) -> pa.Array:
    return pa.ListArray.from_arrays(steps.offsets, values)


def _status(
    group: Group, by_view: Mapping[View, RawMaps], metrics: Measured, finite: Sequence[bool]
) -> tuple[dict[str, pa.Array], dict[str, list[tuple[str, str]]]]:
    """The columns of `STATUS`, and what failed by variant."""
    errors: list[str | None] = []
    names: list[list[str]] = []
    wrong: dict[str, list[tuple[str, str]]] = defaultdict(list)
    unranked = _unranked(by_view.values(), sorted({image for _, image in group.pairs}))
    for place, (variant, image) in enumerate(group.pairs):
        image_id = next(iter(by_view.values())).loaded[image].sample.image_id
        line = next(
            (
                maps.failures[variant.key, image_id]
                for maps in by_view.values()
                if (variant.key, image_id) in maps.failures
            ),
            None,
        )
        if line is None and not finite[place] and not variant.info.constant_is_full:
            line = NOT_FINITE
        failed = sorted(group.due) if line else sorted(metrics.failures[place])
        if line is None and failed:
            line = f"{failed[0]}: {metrics.failures[place][failed[0]]}"
        if image in unranked and len(failed) < len(group.due):
            line = NO_LOGITS  # the label is ranked last; the boxes of a map that is finite stay
        errors.append(line)
        names.append(failed)
        if line:
            wrong[variant.key].append((image_id, line))
    columns = {
        "status": pa.array(["failed" if line else "ok" for line in errors], STATUS["status"]),
        "error": pa.array(errors, STATUS["error"]),
        "failed": pa.array(names, STATUS["failed"]),
    }
    return columns, wrong


def _unranked(several: Iterable[RawMaps], images: Sequence[int]) -> set[int]:
    """The images for which a network, or the one that decides the class, gave logits that are not finite."""
    known = [logits for maps in several for logits in (maps.logits, maps.class_logits) if logits is not None]
    return {image for image in images if not all(np.isfinite(logits(image)).all() for logits in known)}
