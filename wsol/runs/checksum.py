"""A checksum over columns: equal rows have equal ones, however they are chunked or stored."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from hashlib import _Hash


def checksum(table: pa.Table, *, without: Collection[str] = ()) -> str:
    """16 hex digits over the names, types and values of all columns but `without`."""
    digest = hashlib.sha256()
    for name in sorted(set(table.column_names) - set(without)):
        digest.update(f"\n{name}\n".encode())
        _add(digest, table[name].combine_chunks())
    return digest.hexdigest()[:16]


def _add(digest: _Hash, column: pa.Array | pa.ChunkedArray) -> None:
    # values alone: buffers also hold what is behind a slice, under a null, or in the padding
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    digest.update(len(column).to_bytes(8, "little"))
    if column.null_count:
        digest.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        column = column.drop_null()
    kind = column.type
    if pa.types.is_list(kind):  # its name is not hashed: Parquet calls the item of a list `element`
        digest.update(np.asarray(pc.list_value_length(column), np.int64).tobytes())
        _add(digest, column.flatten())
        return
    digest.update(str(kind).encode())
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        plain = column.cast(pa.binary())
        digest.update(np.asarray(pc.binary_length(plain), np.int64).tobytes())
        digest.update(b"".join(plain.to_pylist()))
    elif not pa.types.is_null(kind):
        digest.update(np.ascontiguousarray(column.to_numpy(zero_copy_only=False)).data)
