"""Between Arrow and NumPy by their buffers: where pandas is installed, pyarrow's own conversions first import it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = {"float": "float32", "halffloat": "float16"}  # where Arrow and NumPy differ


def numpy_of(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """(n,) of a column of numbers or bits; with nulls as float64, in which they are NaN."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_null(array.type):
        return np.full(len(array), np.nan)
    valid, data = array.buffers()
    if not len(array):
        values: NDArray[Any] = np.zeros(0, bool if pa.types.is_boolean(array.type) else _kind(array.type))
    elif pa.types.is_boolean(array.type):
        values = _unpacked(data, array.offset, len(array))
    else:
        values = np.frombuffer(data, _kind(array.type))[array.offset : array.offset + len(array)]
    if array.null_count:
        values = np.where(_unpacked(valid, array.offset, len(array)), values, np.nan)
    return values


def is_known(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """(n,) whether each row has a value."""
    return numpy_of(column.is_valid()) if column.null_count else np.ones(len(column), bool)


def codes_of(column: pa.ChunkedArray) -> tuple[list[str | None], NDArray[np.int64]]:
    """The distinct texts of a column, and (n,) which of them each row has; -1 for nulls."""
    array = column.combine_chunks()
    array = (array.cast(pa.string()) if pa.types.is_null(array.type) else array).dictionary_encode()
    return array.dictionary.to_pylist(), numpy_of(array.indices.fill_null(_integer(-1))).astype(np.int64)


def stretches_of(column: pa.ChunkedArray) -> tuple[list[str | None], NDArray[np.int64]]:
    """The texts of a column, one for each stretch of equal ones, and (s + 1,) where stretches begin, with the end."""
    array = column.combine_chunks()
    if not len(array):
        return [], np.zeros(1, np.int64)
    same = pc.equal(array.slice(0, len(array) - 1), array.slice(1))  # null where any of the two is
    starts = np.flatnonzero(np.concatenate([[True], numpy_of(same) != 1]))
    return array.take(integers(starts)).to_pylist(), np.append(starts, len(array))


def chosen(table: pa.Table, keep: NDArray[np.bool_]) -> pa.Table:
    """The rows where an (n,) mask is true."""
    if keep.all():
        return table
    return table.filter(pa.Array.from_buffers(pa.bool_(), len(keep), [None, _bits(keep)]))


def integers(values: Sequence[int] | NDArray[np.integer[Any]]) -> pa.Array:
    """Whole numbers as a column."""
    data = np.ascontiguousarray(values, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(data), [None, pa.py_buffer(data)])


def floats(values: NDArray[np.float64], known: NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers as a column, in which NaN stays NaN; null where they are not `known`, (n,)."""
    valid = None if known is None else _bits(known)
    return pa.Array.from_buffers(pa.float64(), len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def texts(values: Sequence[str]) -> pa.Array:
    """Texts as a column."""
    letters = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, letters)]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(letters), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(letters) or b"\0")]
    )


def _integer(value: int) -> pa.Scalar:
    return pa.Array.from_buffers(pa.int32(), 1, [None, pa.py_buffer(np.array([value], np.int32))])[0]


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _kind(kind: pa.DataType) -> np.dtype[Any]:
    return np.dtype(NAMES.get(str(kind), str(kind)))


def _unpacked(bits: Any, offset: int, count: int) -> NDArray[np.bool_]:
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), count=offset + count, bitorder="little")
    return flags[offset:].astype(bool)
