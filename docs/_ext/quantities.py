"""Numbers of tables in words: direction, unit, range and average, from the records that rows carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .markdown import code, table

if TYPE_CHECKING:
    from wsol.runs.schema import Quantity

DIRECTIONS = {True: "higher", False: "lower", None: "neither"}
AVERAGES = {"images": "over images", "classes": "over classes", "pooled": "all in one pool"}


def quantities_table(quantities: Sequence[Quantity]) -> str:
    """One line per number: its key as users type it, its name in tables, and how it is to be read."""
    rows = [
        [code(q.key), q.label, DIRECTIONS[q.higher_is_better], unit(q), bounds(q), AVERAGES[q.average]]
        for q in quantities
    ]
    return table(["key", "in tables", "better", "unit", "range", "average"], rows)


def unit(quantity: Quantity) -> str:
    if quantity.reduction == "best_tau":
        return "share of the map's maximum"
    return {"percent": "%", "share": "fraction of 1", "": "none"}.get(quantity.unit, quantity.unit)


def bounds(quantity: Quantity) -> str:
    """The range in the unit that tables show."""
    if quantity.bounds is None:
        return "not bounded"
    scale = 100 if quantity.percent else 1
    low, high = (f"{scale * end:g}" for end in quantity.bounds)
    return f"{low} to {high}"
