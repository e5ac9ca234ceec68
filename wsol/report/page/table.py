"""The page's table as HTML that reads and prints without a script: best first, intervals as text and as whiskers."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from wsol.report.numbers.choose import cell_at
from wsol.report.numbers.names import label_of, title
from wsol.report.tables.overview import TIMED_APART, number_columns, number_entries
from wsol.report.tables.table import TIED
from wsol.report.tables.text import cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsol.report.numbers.lines import Key, Line
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.report_data import ReportData
    from wsol.report.tables.table import Column, Entry

COSTS = {  # column of the rows: head, what it says in full, and whether the usual table has it
    "forwards": ("F", "forward passes per image", True),
    "partial_forwards": ("F part", "forward passes through a part of the network, per image", False),
    "backwards": ("B", "backward passes per image", True),
    "ms": ("ms", "milliseconds per image, median", True),
    "peak_mb": ("MB", "peak memory beyond what the network itself holds, median", False),
}


def table_html(data: ReportData) -> str:
    """The table element."""
    columns = number_columns(data.keys, data.lines, data.summary.measures)
    entries = [number_entries(data.lines, key) for key in data.keys]
    heads = [_head(data, n, key) for n, key in enumerate(data.keys)]
    heads.append('<th scope="col" data-set="always" data-higher="1" title="images; fewer for some numbers">n</th>')
    timed = {"ms": TIMED_APART} if data.summary.timed_apart else {}
    heads += [
        f'<th scope="col" class="cost" data-set="cost{" main" * main}" data-higher="0" title="{meaning}">'
        f"{label}{timed.get(name, '')}</th>"
        for name, (label, meaning, main) in COSTS.items()
    ]
    spans = [_span(column) for column in entries]
    rows = []
    for n, (line, variant) in enumerate(zip(data.lines, data.variants, strict=True)):
        cells = [_name(data, line, variant)]
        for key, column, found, span in zip(data.keys, columns, entries, spans, strict=True):
            cells.append(_cell(line.cells.get(key), found[n], column, span))
        sizes = sorted({line.cells[key].n for key in data.keys if key in line.cells}, reverse=True)
        cells.append(f'<td data-label="n" data-v="{max(sizes, default=0)}">{"/".join(map(str, sizes))}</td>')
        cells += [
            f'<td class="cost" data-label="{head}" data-v="{_sortable(line.costs[name])}">{cost(line.costs[name])}</td>'
            for name, (head, _, _) in COSTS.items()
        ]
        control = ' class="control"' if line.control else ""
        rows.append(f'<tr data-variant="{n}"{control}>{"".join(cells)}</tr>')
    return (
        '<table id="numbers"><caption class="unseen">Every number of the run with its 95 % interval; '
        f'column heads sort.</caption><thead><tr><th scope="col" class="variant">Variant</th>{"".join(heads)}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _head(data: ReportData, place: int, key: Key) -> str:
    cell = cell_at(data.lines, key)
    label, measure = title(cell, data.summary.measures)
    higher = {True: "1", False: "0", None: ""}[cell.higher_is_better]
    sets = escape(f"{key[0]} main" if key in data.main_keys else key[0])
    values = [line.cells[key].value for line in data.lines if key in line.cells]
    falls = values == sorted(values, reverse=True)  # not so where controls or variants on few images come last
    sort = ' aria-sort="descending"' if key == data.headline and falls else ""
    arrow = '<span title="lower is better"> ↓</span>' if cell.higher_is_better is False else ""
    meaning = escape(f"{label}, {key[0]}" + (f", threshold {cell.tau_from}" if cell.tau_from else ""))
    return (
        f'<th scope="col" data-column="{place}" data-set="{sets}" data-higher="{higher}" title="{meaning}"{sort}>'
        f"{escape(label)}{arrow}<small>{escape(measure)}</small></th>"
    )


def _name(data: ReportData, line: Line, variant: str) -> str:
    name, details = label_of(data.variants[variant])
    same = f'<small class="same">= {escape(line.same_as)}</small>' if variant in data.same else ""
    return (
        f'<th scope="row" title="{escape(line.name)}"><span class="name"><i class="swatch"></i>{escape(name)}</span> '
        f"<small>{escape(details)}</small>{same}</th>"
    )


def _cell(cell: Cell | None, entry: Entry, column: Column, span: tuple[float, float]) -> str:
    """The number, its interval below, and where both lie in the column's range."""
    label = f'data-label="{escape(column.flat)}"'
    if cell is None or entry.value is None:
        return f'<td {label} data-v="">{entry.text}{entry.signs}</td>'
    kind = ' class="best"' if entry.bold else ""
    tied = '<sup title="not significantly worse than the best">1</sup>' if TIED in entry.marks else ""
    meaning = escape(f"n = {cell.n}" + (f"; tau {', '.join(f'{t:.3g}' for t in cell.tau)}" if cell.tau else ""))
    value, _, interval = entry.text.partition(" ")
    whiskers = ""
    if interval:
        at = {"l": cell.low, "v": cell.value, "h": cell.high}
        shares = (f"--{name}:{(v - span[0]) / (span[1] - span[0]):.3f}" for name, v in at.items())
        whiskers = f' style="{";".join(shares)}"'
        interval = f'<small class="interval">{interval}</small>'
    return f'<td {label} data-v="{cell.value:.6g}"{kind}{whiskers} title="{meaning}">{value}{tied}{interval}</td>'


def _span(column: Sequence[Entry]) -> tuple[float, float]:
    """The range that all intervals of a column fit in, so that its whiskers can be compared."""
    low = min((e.low for e in column if e.low is not None and math.isfinite(e.low)), default=0.0)
    high = max((e.high for e in column if e.high is not None and math.isfinite(e.high)), default=1.0)
    return (low, high) if high > low else (low - 1, high + 1)


def _sortable(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
