"""The page's table as HTML that reads and prints without a script: best first, intervals as text and as whiskers."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from wsol.report.numbers.choose import cell_at
from wsol.report.numbers.names import label_of, title
from wsol.report.numbers.ranking import places
from wsol.report.tables.overview import TIMED_APART, in_full
from wsol.report.tables.text import FAILED, LOST, Style, cost, has_interval, interval, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wsol.report.numbers.lines import Key, Line
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.ranking import Place
    from wsol.report.numbers.report_data import ReportData
    from wsol.runs.schema import VariantInfo

COSTS = {  # column of the rows: head, what it says in full, and whether the usual table has it
    "forwards": ("F", "forward passes per image", True),
    "partial_forwards": ("F part", "forward passes through a part of the network, per image", False),
    "backwards": ("B", "backward passes per image", True),
    "ms": ("ms", "milliseconds per image, median", True),
    "peak_mb": ("MB", "peak memory beyond what the network itself holds, median", False),
}


def table_html(data: ReportData) -> str:
    """The table element."""
    keys, lines = data.keys, data.lines
    marks = {key: places(lines, key) for key in keys}
    spans = {key: _span(lines, key) for key in keys}
    styles = {key: Style.of(line.cells[key] for line in lines if key in line.cells) for key in keys}
    heads = {key: in_full(cell_at(lines, key), data.summary.measures) for key in keys}
    head = "".join(_head(data, n, key) for n, key in enumerate(keys))
    head += '<th scope="col" data-set="always" data-higher="1" title="images; fewer for some numbers">n</th>'
    timed = {"ms": TIMED_APART} if data.summary.timed_apart else {}
    head += "".join(
        f'<th scope="col" class="cost" data-set="cost{" main" * main}" data-higher="0" title="{meaning}">'
        f"{label}{timed.get(name, '')}</th>"
        for name, (label, meaning, main) in COSTS.items()
    )
    body = "".join(
        _row(n, line, variant, _twin(data, key), heads, spans, styles, [marks[column].get(n) for column in keys])
        for n, ((key, variant), line) in enumerate(zip(data.variants.items(), lines, strict=True))
    )
    return (
        '<table id="numbers"><caption class="unseen">Every number of the run with its 95 % interval; '
        "column heads sort.</caption>"
        f'<thead><tr><th scope="col" class="variant">Variant</th>{head}</tr></thead><tbody>{body}</tbody></table>'
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


def _row(
    place: int,
    line: Line,
    variant: VariantInfo,
    twin: str,
    heads: Mapping[Key, str],
    spans: Mapping[Key, tuple[float, float]],
    styles: Mapping[Key, Style],
    marks: Sequence[Place | None],
) -> str:
    name, details = label_of(variant)
    same = f'<small class="same">= {escape(twin)}</small>' if twin else ""
    control = ' class="control"' if line.control else ""
    cells = "".join(
        _cell(line.cells.get(key), head, spans[key], styles[key], mark)
        for (key, head), mark in zip(heads.items(), marks, strict=True)
    )
    sizes = sorted({line.cells[key].n for key in heads if key in line.cells}, reverse=True)
    costs = f'<td data-label="n" data-v="{max(sizes, default=0)}">{"/".join(map(str, sizes))}</td>'
    costs += "".join(
        f'<td class="cost" data-label="{head}" data-v="{_sortable(line.costs[name])}">{cost(line.costs[name])}</td>'
        for name, (head, _, _) in COSTS.items()
    )
    return (
        f'<tr data-variant="{place}"{control}><th scope="row" title="{escape(line.name)}">'
        f'<span class="name"><i class="swatch"></i>{escape(name)}</span> '
        f"<small>{escape(details)}</small>{same}</th>{cells}{costs}</tr>"
    )


def _twin(data: ReportData, variant: str) -> str:
    """What an equal variant is called, or ``""``."""
    return data.variants[data.same[variant]].id if variant in data.same else ""


def _cell(cell: Cell | None, head: str, span: tuple[float, float], style: Style, mark: Place | None) -> str:
    label = f'data-label="{escape(head)}"'
    if cell is None or math.isnan(cell.value):
        return f'<td {label} data-v="">{FAILED + LOST if cell and cell.failed else ""}</td>'
    kind = ' class="best"' if mark and mark.best else ""
    tied = '<sup title="not significantly worse than the best">1</sup>' if mark and mark.tied else ""
    meaning = escape(f"n = {cell.n}" + (f"; tau {', '.join(f'{t:.3g}' for t in cell.tau)}" if cell.tau else ""))
    whiskers = ends = ""
    if has_interval(cell):
        low, high = span
        at = {"l": cell.low, "v": cell.value, "h": cell.high}
        whiskers = f' style="{";".join(f"--{name}:{(v - low) / (high - low):.3f}" for name, v in at.items())}"'
        ends = f'<small class="interval">{interval(cell.low, cell.high, cell.digits, style)}</small>'
    value = number(cell.value, cell.digits)
    return f'<td {label} data-v="{cell.value:.6g}"{kind}{whiskers} title="{meaning}">{value}{tied}{ends}</td>'


def _span(lines: Sequence[Line], key: Key) -> tuple[float, float]:
    """The range that all intervals of a column fit in, so that its whiskers can be compared."""
    cells = [line.cells[key] for line in lines if key in line.cells and math.isfinite(line.cells[key].value)]
    low = min((c.low for c in cells if math.isfinite(c.low)), default=0.0)
    high = max((c.high for c in cells if math.isfinite(c.high)), default=1.0)
    return (low, high) if high > low else (low - 1, high + 1)


def _sortable(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
