"""Plain tables: rich on a terminal, Markdown elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table


def print_table(rows: Sequence[Mapping[str, Any]], stream: TextIO | None = None) -> None:
    """Rows of equal keys as a table on `stream`, by default stdout."""
    out = stream or sys.stdout
    if not rows:
        return
    heads = list(rows[0])
    cells = [["" if row.get(h) is None else str(row[h]) for h in heads] for row in rows]
    if out.isatty():
        table = Table(box=box.SIMPLE_HEAD)
        for head in heads:
            table.add_column(head)
        for line in cells:
            table.add_row(*line)
        Console(file=out).print(table)
    else:
        print(markdown(heads, cells), file=out)


def markdown(heads: Sequence[str], cells: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A GitHub table, columns padded so that it reads as text too; `right` are right-aligned columns."""
    body = [[cell.replace("|", "\\|") for cell in line] for line in cells]
    widths = [max(3, *(len(line[i]) for line in [list(heads), *body])) for i in range(len(heads))]  # rules need three

    def line(values: Sequence[str]) -> str:
        padded = [v.rjust(w) if i in right else v.ljust(w) for i, (v, w) in enumerate(zip(values, widths, strict=True))]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * (w - 1) + ":") if i in right else "-" * w for i, w in enumerate(widths)]
    return "\n".join([line(heads), f"| {' | '.join(rule)} |", *(line(v) for v in body)])
