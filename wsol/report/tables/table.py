"""One record for every table: columns, rows of entries, and the notes below. Renderers only write it out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TIED = "¹"  # not significantly worse than the best of its column
BEST = "bold"  # significantly better than all others of its column
ARROW = "↓"  # lower is better


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    key : what programs call it, ``choe2020_v1/maxboxacc``. label : what readers see.
    group : neighbors of one group share a line above their labels where a format has one.
    unit : of its numbers: ``percent``, ``count``, ``share``, ``ms``, or ``""``.
    higher_is_better : None where neither is.
    numeric : right-aligned.
    drop : in which order a narrow terminal leaves columns out: the highest first, of equals the rightmost; 0 never.
    """

    key: str
    label: str = ""
    group: str = ""
    unit: str = ""
    higher_is_better: bool | None = None
    numeric: bool = True
    drop: int = 0
    mark: str = ""

    @property
    def head(self) -> str:
        """Its label with the arrow where lower is better."""
        arrow = f" {ARROW}" if self.higher_is_better is False else ""
        return (self.label or self.key) + arrow + self.mark

    @property
    def flat(self) -> str:
        """Label and group in one line."""
        return f"{self.head} {self.group}".strip()


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of a table.

    Attributes
    ----------
    text : as readers see it, without marks.
    value : the number or word itself; low, high : its 95 % interval, where there is one.
    marks : those that stand behind it, each explained below the table; ``bold`` is a mark too.
    spans : it may reach over the empty entries behind it, and does not make its column wider.
    """

    text: str = ""
    value: Any = None
    low: float | None = None
    high: float | None = None
    marks: tuple[str, ...] = ()
    spans: bool = False

    @property
    def bold(self) -> bool:
        return BEST in self.marks

    @property
    def signs(self) -> str:
        """The marks that are characters."""
        return "".join(mark for mark in self.marks if mark != BEST)

    @property
    def plain(self) -> dict[str, Any]:
        """For programs: the value, and the ends of the interval as ``_low`` and ``_high``."""
        found = {"": self.text if self.value is None else self.value, "_low": self.low, "_high": self.high}
        known = {end: v for end, v in found.items() if v is not None or not end}
        return {end: None if isinstance(v, float) and not math.isfinite(v) else v for end, v in known.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes
    ----------
    lead : sentences that stand first below it: what it shows, and what it is ranked by.
    marks : by mark, what it means; those that nothing has are not printed.
    notes : sentences that stand last.
    rules : rows with a rule above them.
    numbers : the numbers as plain objects for JSON and CSV; None for the entries themselves.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Entry]]
    lead: Sequence[str] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    rules: Collection[int] = frozenset()
    numbers: Sequence[Mapping[str, Any]] | None = None

    @property
    def legend(self) -> list[str]:
        """The lines below the table, one for each mark that is used."""
        used = {mark for row in self.rows for entry in row for mark in entry.marks}
        used |= {column.mark for column in self.columns}
        marks = [f"{'Bold:' if m == BEST else m} {meaning}" for m, meaning in self.marks.items() if m in used]
        return [*self.lead, *marks, *self.notes]

    @property
    def records(self) -> list[dict[str, Any]]:
        """Plain objects: `numbers`, or one per row by the columns' keys."""
        if self.numbers is not None:
            return [dict(one) for one in self.numbers]
        return [
            {
                f"{column.key}{end}": value
                for column, entry in zip(self.columns, row, strict=True)
                for end, value in entry.plain.items()
            }
            for row in self.rows
        ]


def words(*texts: str) -> list[Entry]:
    """Entries of text."""
    return [Entry(text, text) for text in texts]


def table_of(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table of rows with equal keys, which are its heads."""
    columns = [Column(key, numeric=False) for key in (rows[0] if rows else ())]
    return Table(columns=columns, rows=[[Entry("" if v is None else str(v), v) for v in row.values()] for row in rows])
