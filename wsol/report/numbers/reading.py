"""What numbers read of the rows: bits of hits instead of curves, and nothing that is not asked for.

Long columns (numbers of boxes, curves that tell equal maps) are read shard by shard, once thresholds are known, or of
some shards only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wsol.report.numbers.failures import OF_FAILURES, prepared
from wsol.report.numbers.rows import boxes_of
from wsol.runs.arrays import chosen as rows_where
from wsol.runs.arrays import floats, numpy_of, stretches_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.runs.folder import RunFolder
    from wsol.runs.row_files import RowFile
    from wsol.runs.schema import About, ProtocolInfo, Quantity

    Chosen = Callable[[str], bool]

COSTS = ("forwards", "backwards", "partial_forwards", "ms", "peak_mb")
OF_IMAGES = ("image_id", "variant", "label", "rank", "rank_depth", "map_digest", *COSTS)
OF_SLICES = ("gt_boxes", "width", "height")
COMPARED = 16  # shards, evenly spread, whose maps are compared: a shard has at least as many images as that takes
UNCOUNTED = ("/boxes", "/box_breaks", "/hits")  # that tell maps apart no better than the IoU does


def columns_of_numbers(
    about: About, files: Sequence[RowFile], quantities: Collection[Quantity], *, sliced: bool, classes: bool
) -> Chosen:
    """Those of some quantities; `sliced` for rows that are cut by their boxes, `classes` for the highest classes."""
    names = {*OF_IMAGES, *(OF_SLICES if sliced else ()), *(["top"] if classes else [])}
    names |= set(OF_FAILURES) if any(file.failed for file in files) else set()
    prefixes = []
    for name, protocol in about.protocols.items():
        mine = [q for q in quantities if q.measure == name]
        if mine:
            names |= {f"{name}/hits", f"{name}/rank"}
            names |= {f"{name}/iou", f"{name}/breaks"} if _needs_curves(protocol, files, mine) else set()
    for quantity in quantities:
        names |= {f"{quantity.measure}/{column}" for column in quantity.columns}
        if quantity.measure in about.metrics and not quantity.columns:
            prefixes.append(f"{quantity.measure}/")
    return lambda column: column in names or column.startswith(tuple(prefixes))


def box_counts(
    folder: RunFolder, files: Sequence[RowFile], taus: Mapping[tuple[str, str], float | None]
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """By variant and protocol, how many boxes each stored row has above a threshold; NaN where it does not say."""
    wanted = {name: tau for name, tau in taus.items() if tau is not None}
    if not wanted:
        return {}
    protocols = {protocol for _, protocol in wanted}

    def above(rows: pa.Table) -> pa.Table:
        names, ends = stretches_of(rows["variant"])
        for protocol in protocols:
            taus = np.repeat([wanted.get((str(name), protocol), np.nan) for name in names], np.diff(ends))
            there = f"{protocol}/count" in rows.column_names
            counts = boxes_of(rows, protocol, taus) if there else np.full(len(rows), np.nan)
            # null and not NaN where this file has none: another file of the same rows may
            rows = rows.append_column(protocol, floats(counts, known=~np.isnan(counts)))
        return rows.select(["image_id", "variant", *protocols])

    counted = folder.tables(None, columns=_columns_of_boxes(protocols), files=files, change=above)
    return {
        (variant, protocol): numpy_of(counted[variant][protocol]) for variant, protocol in wanted if variant in counted
    }


def rows_to_compare(
    folder: RunFolder,
    files: Sequence[RowFile],
    tables: Mapping[str, pa.Table],
    variants: Collection[str],
    *,
    skip_failed: bool,
) -> dict[str, pa.Table]:
    """What was measured of the maps of some variants, of up to COMPARED shards, on the images of `tables`."""
    about, numbers = folder.about(), sorted({file.footer.shard for file in files})
    some = {numbers[n] for n in np.linspace(0, len(numbers) - 1, COMPARED).astype(int)}
    chosen = [file for file in files if file.footer.shard in some]
    stored = folder.tables(variants, columns=_columns_to_compare(about), files=chosen)
    full = {key: prepared(table, about, skip_failed=skip_failed) for key, table in stored.items()}
    kept = {key: pc.is_in(table["image_id"], tables[key]["image_id"].combine_chunks()) for key, table in full.items()}
    return {key: rows_where(table, numpy_of(kept[key])) for key, table in full.items()}


def _columns_of_boxes(protocols: Collection[str]) -> Chosen:
    """The numbers of boxes of some protocols."""
    names = {"image_id", "variant", *(f"{name}/{c}" for name in protocols for c in ("count", "count_breaks"))}
    return names.__contains__


def _columns_to_compare(about: About) -> Chosen:
    """What is measured of the maps themselves."""
    measures = tuple(f"{name}/" for name in (*about.protocols, *about.metrics))
    names = {"image_id", "variant", "map_digest", *OF_FAILURES}
    return lambda column: column in names or (column.startswith(measures) and not column.endswith(UNCOUNTED))


def _needs_curves(protocol: ProtocolInfo, files: Sequence[RowFile], quantities: Sequence[Quantity]) -> bool:
    """Whether some rows have no bits of hits, or none under the rule that Top-1 and Top-5 Loc have of their own."""
    curves, hits = f"{protocol.name}/iou", f"{protocol.name}/hits"
    other_rule = protocol.knobs["topk_hit"] not in ("same", protocol.knobs["hit"])
    if other_rule and any(quantity.top for quantity in quantities):
        return True
    return any(curves in file.columns and hits not in file.columns for file in files)
