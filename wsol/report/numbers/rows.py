"""Columns of stored rows as arrays."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wsol.errors import ConfigError
from wsol.runs.arrays import chosen, is_known, numpy_of
from wsol.stats.curves import Curves
from wsol.stats.hits import Hits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.runs.schema import ProtocolInfo

ON_STEP = 1e-6  # of a step: 0.3 is not 300 times 0.001 as floats


def known(table: pa.Table, *columns: str) -> pa.Table:
    """The rows where at least one of the columns has a value."""
    valid = np.zeros(len(table), bool)
    for column in columns:
        valid |= is_known(table[column])
    return chosen(table, valid)


def numbers(table: pa.Table, column: str) -> NDArray[np.float64]:
    """A column of numbers (or bits) as (n,) float64, NaN where there is no value."""
    return numpy_of(table[column]).astype(np.float64)


def flat(table: pa.Table, column: str) -> NDArray[np.float64]:
    """All numbers of a column of lists, one after the other."""
    return numpy_of(table[column].combine_chunks().flatten()).astype(np.float64)


def offsets(table: pa.Table, column: str) -> NDArray[np.int64]:
    """(n + 1,): row i owns the entries ``offsets[i]:offsets[i + 1]`` of `flat`."""
    lengths = numpy_of(pc.list_value_length(table[column])).astype(np.int64)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def columns_of(table: pa.Table, prefix: str) -> dict[str, Any]:
    """A metric's columns by their own names, converted once: lists of one length as (n, k) arrays, others as they are.

    A bootstrap asks for them dozens of times.
    """
    columns: dict[str, Any] = {}
    for column in (c for c in table.column_names if c.startswith(prefix)):
        kind, lengths = table.schema.field(column).type, None
        if pa.types.is_list(kind) and not table[column].null_count:
            lengths = numpy_of(pc.list_value_length(table[column]))
        if lengths is not None and len(lengths) and (lengths == lengths[0]).all() and lengths[0]:
            values = numpy_of(table[column].combine_chunks().flatten())
            columns[column.removeprefix(prefix)] = values.reshape(len(lengths), lengths[0])
        else:
            columns[column.removeprefix(prefix)] = table[column].to_pylist()
    return columns


def median(table: pa.Table, column: str) -> float:
    """Median of the known numbers of a column; NaN where there is none."""
    values = numbers(table, column) if column in table.column_names else np.zeros(0)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan")
    middle = [(len(values) - 1) // 2, len(values) // 2]
    return float(np.partition(values, middle)[middle].mean())  # np.median first imports np.ma


def rank_depth(table: pa.Table) -> float:
    """To how many classes the ranks of the labels are known: less than all for predictions from a file."""
    return float(numbers(table, "rank_depth").min()) if "rank_depth" in table.column_names else float("inf")


def images_of(table: pa.Table) -> str:
    """Hex digits that stand for the images of these rows and their order: equal ones can be paired."""
    digest = hashlib.sha256(numpy_of(pc.binary_length(table["image_id"])).tobytes())
    for chunk in table["image_id"].chunks:
        _, ends, letters = chunk.buffers()
        if len(chunk) and letters is not None:
            at = np.frombuffer(ends, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
            digest.update(memoryview(letters)[at[0] : at[-1]])
    return digest.hexdigest()[:16]


def curves_of(rows: pa.Table, protocol: ProtocolInfo) -> Curves:
    """The IoU curves of a protocol's rows; quantized ones by position on its grid: the dense path is faster."""
    name = protocol.name
    breaks, values, owns = flat(rows, f"{name}/breaks"), flat(rows, f"{name}/iou"), offsets(rows, f"{name}/iou")
    if not protocol.grid:
        return Curves(breaks, values, owns, None)
    grid = np.asarray(protocol.grid)
    return Curves(np.searchsorted(grid, breaks + protocol.knobs["tau_step"] / 2) - 1.0, values, owns, len(grid))


def hits_of(rows: pa.Table, protocol: ProtocolInfo, delta: float, *, ge: bool) -> Hits:
    """Hits at one delta: from the bits that rows hold, or from curves where they hold none of this rule and delta."""
    column = f"{protocol.name}/hits"
    rule = ge == (protocol.knobs["hit"] == "ge")
    stored = column in rows.column_names and not rows[column].null_count
    if not stored or not rule or delta not in protocol.hit_deltas:
        return curves_of(rows, protocol).hits(delta, ge=ge)
    width = max(len(protocol.grid), 1)
    start = protocol.hit_deltas.index(delta) * width
    first, last = start // 8, (start + width + 7) // 8
    return Hits.from_packed(packed_hits(rows, protocol, first, last), start - 8 * first, width)


def packed_hits(rows: pa.Table, protocol: ProtocolInfo, first: int = 0, last: int | None = None) -> NDArray[np.uint8]:
    """(n, last - first) bytes of the bits of hits, of rows that have them; all of their bytes by default."""
    column = rows[f"{protocol.name}/hits"]
    size = column.type.byte_width
    packed = [np.zeros((0, size), np.uint8)[:, first:last]]
    for chunk in column.chunks:
        if len(chunk):
            whole = np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, size)
            packed.append(whole[chunk.offset : chunk.offset + len(chunk), first:last])
    return np.concatenate(packed)


def boxes_of(rows: pa.Table, name: str, taus: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,): how many boxes a protocol that takes all of them found in each row above its threshold; NaN if unknown."""
    counts, found = rows[f"{name}/count"], np.full(len(rows), np.nan)
    valid = is_known(counts)
    if valid.any():
        known_ = chosen(rows, valid)
        breaks, numbers_ = flat(known_, f"{name}/count_breaks"), flat(known_, f"{name}/count")
        owns = offsets(known_, f"{name}/count")
        reached = np.add.reduceat(breaks <= np.repeat(taus[valid], np.diff(owns)), owns[:-1], dtype=np.int64)
        found[valid] = numbers_[owns[:-1] + reached - 1]
    return found


def is_swept(protocol: ProtocolInfo) -> bool:
    """Whether the protocol leaves its threshold open."""
    return bool(protocol.knobs["tau"] == "sweep")


def own_rule(protocol: ProtocolInfo) -> str:
    """The rule by which each map chooses its own threshold, or ``""``."""
    tau = protocol.knobs["tau"]
    return tau if isinstance(tau, str) and tau != "sweep" else ""


def tau_of(position: float, protocol: ProtocolInfo) -> float:
    """A position on `curves_of` as a threshold in [0, 1); NaN where a rule gives each map its own."""
    if not is_swept(protocol):
        return float("nan") if own_rule(protocol) else float(protocol.knobs["tau"])
    return protocol.grid[int(position)] if protocol.grid else float(position)


def position_of(tau: float, protocol: ProtocolInfo) -> float:
    """A threshold in [0, 1) as a position on `curves_of`, of a protocol that sweeps.

    Raises ConfigError for one between two of its steps: its rows don't say what lies there.
    """
    if not protocol.grid:
        return tau
    step = float(protocol.knobs["tau_step"])
    nearest = round(tau / step)
    if abs(tau - nearest * step) > step * ON_STEP:
        raise ConfigError(
            f"tau={tau:g} lies between two thresholds of {protocol.name}, whose steps are {step:g}; choose "
            f"{math.floor(tau / step) * step:.6g} or {math.ceil(tau / step) * step:.6g}"
        )
    return float(np.searchsorted(protocol.grid, (nearest + 0.5) * step) - 1)


def rows_of(table: pa.Table, protocol: str) -> pa.Table:
    """The rows that a protocol was evaluated on."""
    return known(table, measured_by(table, protocol))


def measured_by(table: pa.Table, protocol: str) -> str:
    """The column that shows which rows a protocol was evaluated on: curves, or hits where only these were read."""
    curves, hits = f"{protocol}/iou", f"{protocol}/hits"
    return hits if curves not in table.column_names and hits in table.column_names else curves
