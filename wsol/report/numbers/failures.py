"""Rows of images that failed: they count as the worst value there is, or leave a quantity without a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from wsol.runs.arrays import chosen, codes_of, is_known

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.runs.schema import About, Quantity

OF_FAILURES = ("status", "error", "failed")  # columns of a row that may have failed
NO_RANK = 2**31 - 1  # of a label among the classes of a network that gave none: never a hit


@dataclass(frozen=True, slots=True)
class Failures:
    """How many of a variant's images failed, and the first of them with its error; `skipped` ones count nowhere."""

    count: int
    images: int
    image_id: str
    error: str
    skipped: bool

    def sentence(self, variant: str) -> str:
        """What stands under the table."""
        done = (
            "they are left out (--skip-failed)"
            if self.skipped
            else "they count as misses, in metrics as the worst value"
        )
        counted = f"{variant}: {self.count} of {self.images} images failed"
        return f"{counted} (first: {self.image_id}: {self.error}); {done}."


def failures(table: pa.Table, *, skipped: bool) -> Failures | None:
    """The failures among the rows of one variant, or None."""
    rows = np.flatnonzero(failed(table))
    if not len(rows):
        return None
    first = table.slice(int(rows[0]), 1).to_pylist()[0]
    return Failures(len(rows), len(table), first["image_id"], first.get("error") or "no reason given", skipped)


def failed(table: pa.Table, measure: str = "") -> NDArray[np.bool_]:
    """(n,): whether a row failed, in this measure if one is named."""
    if "status" not in table.column_names:
        return np.zeros(len(table), bool)
    words, codes = codes_of(table["status"])
    bad = codes == words.index("failed") if "failed" in words else np.zeros(len(table), bool)
    if measure and bad.any():
        bad &= np.array([measure in (names or ()) for names in table["failed"].to_pylist()], bool)
    return bad


def prepared(table: pa.Table, about: About, *, skip_failed: bool = False) -> pa.Table:
    """The rows of a variant without failed ones, or with the worst values in them."""
    if not skip_failed:
        return with_worst(table, about)
    bad = failed(table)
    return chosen(table, ~bad)


def with_worst(table: pa.Table, about: About) -> pa.Table:
    """The rows of a variant, in which failed ones have the worst value of each quantity that has one.

    A curve becomes a miss at every threshold, and a label that nobody ranked has the last rank.
    """
    if not failed(table).any():
        return table
    for name in about.protocols:
        bad = failed(table, name)
        table = _filled(table, f"{name}/breaks", bad, [0.0])
        table = _filled(table, f"{name}/iou", bad, [0.0])
        table = _filled(table, f"{name}/hits", bad, _no_hit(table, f"{name}/hits"))
        table = _filled(table, f"{name}/rank", bad, NO_RANK)
    for quantity in about.quantities:
        worst = worst_of(quantity)
        if quantity.column and worst is not None:
            table = _filled(table, quantity.column, failed(table, quantity.measure), worst)
    return _filled(table, "rank", failed(table), NO_RANK)


def worst_of(quantity: Quantity) -> float | None:
    """What an image without a value counts as; None where there is no worst value."""
    if quantity.bounds is None or quantity.higher_is_better is None:
        return None
    return quantity.bounds[0 if quantity.higher_is_better else 1]


def without_value(rows: pa.Table, quantity: Quantity, columns: Iterable[str]) -> int:
    """How many failed rows have nothing, not even a worst value, in one of these columns."""
    bad = failed(rows, quantity.measure)
    if not bad.any():
        return 0
    null = [~is_known(rows[column]) for column in columns if column in rows.column_names]
    return int((bad & np.any(null, axis=0)).sum()) if null else 0


def _no_hit(table: pa.Table, column: str) -> bytes:
    """As many bits of misses as the column has."""
    kind = table.schema.field(column).type if column in table.column_names else pa.null()
    return bytes(kind.byte_width) if pa.types.is_fixed_size_binary(kind) else b""


def _filled(table: pa.Table, column: str, where: NDArray[np.bool_], value: Any) -> pa.Table:
    """The table with `value` where a column has none, in some rows."""
    if column not in table.column_names or not where.any():
        return table
    values = [value if bad and old is None else old for bad, old in zip(where, table[column].to_pylist(), strict=True)]
    kind = table.schema.field(column).type
    kind = None if pa.types.is_null(kind) else kind
    return table.set_column(table.column_names.index(column), column, pa.array(values, kind))
