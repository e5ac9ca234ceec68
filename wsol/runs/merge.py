"""Rows as tables, and tables of the same images side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wsol.runs.arrays import chosen, codes_of, numpy_of, stretches_of

STATUS = {"status": pa.string(), "error": pa.string(), "failed": pa.list_(pa.string())}  # often null
NO_ROWS = pa.table({name: pa.nulls(0, pa.string()) for name in ("image_id", "variant")})


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of plain values as a table; what a row lacks is null."""
    columns = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: pa.array([row.get(name) for row in rows], STATUS.get(name)) for name in columns})


def by_variant(tables: Sequence[pa.Table]) -> dict[str, pa.Table]:
    """All rows of each variant, one per image in the order of their ids, with the columns of all tables."""
    pieces: dict[str, list[tuple[pa.Table, bool]]] = {}
    for table in tables:
        for key, part in _parts(table.replace_schema_metadata(None)).items():
            pieces.setdefault(key, []).append(part)
    return {
        key: several[0][0] if len(several) == 1 and several[0][1] else _merged([part for part, _ in several])
        for key, several in sorted(pieces.items())
    }


def joined(table: pa.Table) -> pa.Table:
    """The table with each column in one piece: hundreds of small ones cost every reader more than this copy.

    But for bits of hits, which are most of a table and read piece by piece: fresh memory for a copy of them takes
    longer than all that is done with them.
    """
    columns = [
        column if pa.types.is_fixed_size_binary(column.type) else column.combine_chunks() for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _parts(table: pa.Table) -> dict[str, tuple[pa.Table, bool]]:
    """The rows of each variant, slices where they stand together; and whether their ids are in order, each once."""
    if not len(table):
        return {}
    keys, ends = stretches_of(table["variant"])
    if len(keys) > len(set(keys)):
        names, numbers = codes_of(table["variant"])
        return {str(key): (chosen(table, numbers == code), False) for code, key in enumerate(names)}
    ids = table["image_id"].combine_chunks()
    rising = numpy_of(pc.less(ids.slice(0, len(ids) - 1), ids.slice(1))).astype(bool)
    return {
        str(key): (table.slice(a, b - a), bool(rising[a : b - 1].all()))
        for key, (a, b) in zip(keys, pairwise(ends.tolist()), strict=True)
    }


def _merged(pieces: Sequence[pa.Table]) -> pa.Table:
    """One row per image with what any piece knows of it; the first piece wins. A row has failed where any has."""
    ids = [piece["image_id"].to_pylist() for piece in pieces]
    order = sorted({image_id for some in ids for image_id in some})
    if len(pieces) == 1 and ids[0] == order:
        return pieces[0]
    places = [dict(zip(some, range(len(some)), strict=True)) for some in ids]
    taken = [
        piece.take(pa.array([place.get(i) for i in order], pa.int64()))
        for piece, place in zip(pieces, places, strict=True)
    ]
    merged: dict[str, Any] = {}
    for name in dict.fromkeys(name for piece in pieces for name in piece.column_names):
        columns = [piece[name].combine_chunks() for piece in taken if name in piece.column_names]
        known = [column for column in columns if column.null_count < len(column)] or columns[:1]
        merged[name] = known[0] if len(known) == 1 else pc.coalesce(*_of_one_type(known))
    if len(pieces) > 1 and "status" in merged:
        merged |= _worst_status([piece for piece in taken if "status" in piece.column_names])
    return pa.table(merged)


def _of_one_type(columns: Sequence[pa.Array]) -> list[pa.Array]:
    """Columns cast to the widest of their types."""
    schemas = [pa.schema([pa.field("x", column.type)]) for column in columns]
    kind = pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    return [column.cast(kind) for column in columns]


def _worst_status(pieces: Sequence[pa.Table]) -> dict[str, pa.Array]:
    """The columns of `STATUS` where a row may have failed in one piece and not in another."""
    columns = {name: [piece[name].to_pylist() for piece in pieces] for name in STATUS}
    merged: dict[str, list[Any]] = {name: [] for name in STATUS}
    for row in range(len(pieces[0])):
        status = [values[row] for values in columns["status"]]
        merged["status"].append("failed" if "failed" in status else next((s for s in status if s), None))
        merged["error"].append(next((values[row] for values in columns["error"] if values[row]), None))
        names = [name for values in columns["failed"] for name in values[row] or ()]
        merged["failed"].append(list(dict.fromkeys(names)))
    return {name: pa.array(values, STATUS[name]) for name, values in merged.items()}
