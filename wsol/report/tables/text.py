"""Numbers as text: one notation for intervals, one rounding, one width per column."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wsol.report.numbers.quantity import Cell
from wsol.report.tables.table import Entry

FAILED, LOST = "failed", "†"  # instead of a number, and its mark
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet computes (OWASP, CSV injection)
COARSE = 4.0  # points; the ends of wider intervals move by a tenth of that from one bootstrap to the next: no digits


@dataclass(frozen=True, slots=True)
class Style:
    """How the intervals of one column are written, so that numbers stand below each other.

    `coarse` ends have no digits after the point; `signed` numbers have a plus too.
    """

    coarse: bool = False
    signed: bool = False

    @classmethod
    def of(cls, cells: Iterable[Cell], *, signed: bool = False) -> Style:
        """Ends without digits where all intervals are wide."""
        known = [c for c in cells if has_interval(c)]
        return cls(bool(known) and all(c.digits == 1 and c.high - c.low >= COARSE for c in known), signed)


def has_interval(cell: Cell) -> bool:
    """Whether both ends are known and differ."""
    return not (math.isnan(cell.value) or math.isnan(cell.low) or math.isnan(cell.high) or cell.low == cell.high)


def entry(cell: Cell | None, style: Style | None = None, *, marks: tuple[str, ...] = ()) -> Entry:
    """A number with its interval, ``58.9 [55.7, 62.1]``: one digit for percentages and counts, three for others."""
    if cell is None:
        return Entry()
    if math.isnan(cell.value):
        return Entry(FAILED, marks=(LOST,)) if cell.failed else Entry()
    style = style or Style()
    text = number(cell.value, cell.digits, signed=style.signed)
    if has_interval(cell):
        text += f" {interval(cell.low, cell.high, cell.digits, style)}"
    if cell.seeds > 1:
        text += f" (s {cell.spread:.{cell.digits}f})"
    return Entry(text, cell.value, cell.low, cell.high, marks)


def interval(low: float, high: float, digits: int, style: Style | None = None) -> str:
    """``[55.7, 62.1]``, or ``[55, 63]`` where the style is coarse: rounded outwards, so that it covers as much.

    ``(no interval)`` where the ends are not known.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "(no interval)"
    style = style or Style()
    if style.coarse:
        low, high, digits = math.floor(low), math.ceil(high), 0
    return f"[{number(low, digits, signed=style.signed)}, {number(high, digits, signed=style.signed)}]"


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """A rounded number; what rounds to zero has no sign."""
    shown = f"{value:{'+' if signed else ''}.{digits}f}"
    return shown.replace("-", "").replace("+", "") if float(shown) == 0 else shown


def p_value(p: float) -> str:
    """Three digits."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def cost(value: float) -> str:
    """Two digits at least, none after the point from ten on."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


NUMBER = r"[-+]?[\d.,]+ ?%?( \[[-+\d.,]+, [-+\d.,]+\])?"  # with its interval


def inert(value: Any) -> Any:
    """A text in one line, an apostrophe in front where a spreadsheet would take it for a formula; all else as it is.

    Numbers and intervals stay.

    >>> inert("=HYPERLINK(0)"), inert("layercam"), inert(-0.5)
    ("'=HYPERLINK(0)", 'layercam', -0.5)
    """
    if not isinstance(value, str):
        return value
    formula = value.startswith(FORMULA) and not re.fullmatch(NUMBER, value)
    return f"'{one_line(value)}" if formula else one_line(value)


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
