"""A table on a terminal: as many columns as fit, never a folded number."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsol.report.tables.table import Entry, Table

WIDTH = 100  # columns, where the terminal does not say how many it has
GAP = "  "


def as_terminal(table: Table, stream: TextIO) -> None:
    """Write the columns that fit; the others are named below, in the order in which they were left out."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    console = Console(file=stream, width=width, soft_wrap=True, highlight=False, markup=False, emoji=False)
    widths, dropped = _widths(table), []
    shown = list(range(len(table.columns)))
    order = sorted((n for n in shown if table.columns[n].drop), key=lambda n: (table.columns[n].drop, n))
    while order and sum(widths[n] for n in shown) + len(GAP) * (len(shown) - 1) > width:
        dropped.append(order.pop())
        shown.remove(dropped[-1])
    heads = [(table.columns[n].head, table.columns[n].group) for n in shown]
    for texts in zip(*heads, strict=True):
        if any(texts):
            console.print(GAP.join(_aligned(table, n, text, widths[n]) for n, text in zip(shown, texts, strict=True)))
    rule = "─" * (sum(widths[n] for n in shown) + len(GAP) * (len(shown) - 1))
    console.print(rule, style="dim")
    for place, row in enumerate(table.rows):
        if place in table.rules:
            console.print(rule, style="dim")
        console.print(_line(table, row, shown, widths))
    console.print()
    for note in table.legend:
        console.print(note, style="dim", soft_wrap=False)
    if dropped:
        names = ", ".join(table.columns[n].flat for n in dropped)
        how = f"Left out at {width} columns, in this order: {names}. See all: a wider terminal, or --format md or csv."
        console.print(how, style="dim", soft_wrap=False)


def _line(table: Table, row: Sequence[Entry], shown: Sequence[int], widths: Sequence[int]) -> Text:
    """The entries of a row below their heads; one that spans reaches over the empty ones behind it."""
    line, places = Text(), list(shown)
    while places:
        n = places.pop(0)
        text, width = row[n].text + row[n].signs.ljust(_signs(table, n)), widths[n]
        if row[n].spans:
            while places and not row[places[0]].text:
                width += len(GAP) + widths[places.pop(0)]
            text = (text if len(text) <= width else f"{text[: width - 1]}…").ljust(width)
        line.append(GAP if line else "").append(_aligned(table, n, text, width), style="bold" if row[n].bold else "")
    line.rstrip()
    return line


def _widths(table: Table) -> list[int]:
    """Of each column, marks included."""
    widths = []
    for n, column in enumerate(table.columns):
        texts = max((len(row[n].text) for row in table.rows if not row[n].spans), default=0)
        widths.append(max(len(column.head), len(column.group), texts + _signs(table, n)))
    return widths


def _signs(table: Table, n: int) -> int:
    """The characters that the marks of a column take."""
    return max((len(row[n].signs) for row in table.rows), default=0)


def _aligned(table: Table, n: int, text: str, width: int) -> str:
    return text.rjust(width) if table.columns[n].numeric else text.ljust(width)
