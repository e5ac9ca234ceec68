"""The page's table as HTML that reads and prints without a script: best first, intervals as text and as whiskers."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from wsol.report.figures.series import label_of
from wsol.report.numbers.ranking import places
from wsol.report.page.payload import column
from wsol.report.tables.names import FAILED, cost, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsol.report.numbers.lines import Key, Line
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.ranking import Place
    from wsol.report.page.data import Material
    from wsol.runs.schema import VariantInfo

COSTS = {  # column of the rows: head, what it says in full, and whether the usual table has it
    "forwards": ("F", "forward passes per image", True),
    "partial_forwards": ("F part", "forward passes through a part of the network, per image", False),
    "backwards": ("B", "backward passes per image", True),
    "ms": ("ms", "milliseconds per image, median", True),
    "peak_mb": ("MB", "peak memory beyond what the network itself holds, median", False),
}


def table_html(material: Material) -> str:
    """The table element."""
    keys, lines = material.keys, material.lines
    marks = {key: places(lines, key) for key in keys}
    spans = {key: _span(lines, key) for key in keys}
    head = "".join(_head(material, n, key) for n, key in enumerate(keys))
    head += '<th scope="col" data-set="always" data-higher="1" title="images; fewer for some numbers">n</th>'
    head += "".join(
        f'<th scope="col" class="cost" data-set="cost{" main" * main}" data-higher="0" title="{said}">{label}</th>'
        for label, said, main in COSTS.values()
    )
    body = "".join(
        _row(n, line, variant, _twin(material, key), keys, spans, [marks[column].get(n) for column in keys])
        for n, ((key, variant), line) in enumerate(zip(material.variants.items(), lines, strict=True))
    )
    return (
        '<table id="numbers"><caption class="unseen">Every number of the run with its 95 % interval; '
        "column heads sort.</caption>"
        f'<thead><tr><th scope="col" class="variant">Variant</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _head(material: Material, place: int, key: Key) -> str:
    about = column(material, key)
    higher = {True: "1", False: "0", None: ""}[about["higher"]]
    sets = escape(f"{key[0]} main" if about["main"] else key[0])
    values = [line.cells[key].value for line in material.lines if key in line.cells]
    falls = values == sorted(values, reverse=True)  # not so where controls or variants on few images come last
    sort = ' aria-sort="descending"' if key == material.headline and falls else ""
    arrow = "" if about["higher"] in (True, None) else '<span title="lower is better"> ↓</span>'
    words = next(line.cells[key].tau_from for line in material.lines if key in line.cells)
    said = escape(f"{about['label']}, {key[0]}" + (f", threshold {words}" if words else ""))
    return (
        f'<th scope="col" data-column="{place}" data-set="{sets}" data-higher="{higher}" title="{said}"{sort}>'
        f"{escape(about['label'])}{arrow}<small>{escape(about['short'])}</small></th>"
    )


def _row(
    place: int,
    line: Line,
    variant: VariantInfo,
    twin: str,
    keys: Sequence[Key],
    spans: dict[Key, tuple[float, float]],
    marks: Sequence[Place | None],
) -> str:
    name, details = label_of(variant)
    same = f'<small class="same">= {escape(twin)}</small>' if twin else ""
    control = ' class="control"' if line.control else ""
    cells = "".join(_cell(line.cells.get(key), spans[key], mark) for key, mark in zip(keys, marks, strict=True))
    sizes = sorted({line.cells[key].n for key in keys if key in line.cells}, reverse=True)
    costs = f'<td data-v="{max(sizes, default=0)}">{"/".join(map(str, sizes))}</td>'
    costs += "".join(
        f'<td class="cost" data-v="{_sortable(line.costs[c])}">{escape(cost(line.costs[c]))}</td>' for c in COSTS
    )
    return (
        f'<tr data-variant="{place}"{control}><th scope="row" title="{escape(line.name)}">'
        f'<span class="name"><i class="swatch"></i>{escape(name)}</span> '
        f"<small>{escape(details)}</small>{same}</th>{cells}{costs}</tr>"
    )


def _twin(material: Material, variant: str) -> str:
    """What an equal variant is called, or ``""``."""
    return material.variants[material.same[variant]].id if variant in material.same else ""


def _cell(cell: Cell | None, span: tuple[float, float], mark: Place | None) -> str:
    if cell is None or math.isnan(cell.value):
        return f'<td data-v="">{FAILED if cell and cell.failed else ""}</td>'
    digits = cell.digits
    value = number(cell.value, digits)
    kind = ' class="best"' if mark and mark.best else ""
    tied = '<sup title="not significantly worse than the best">1</sup>' if mark and mark.tied else ""
    said = escape(f"n = {cell.n}" + (f"; tau {', '.join(f'{t:.3g}' for t in cell.tau)}" if cell.tau else ""))
    if math.isnan(cell.low) or math.isnan(cell.high) or cell.low == cell.high:
        return f'<td data-v="{cell.value:.6g}"{kind} title="{said}">{value}{tied}</td>'
    places = ";".join(
        f"--{name}:{_share(v, span):.3f}" for name, v in (("l", cell.low), ("v", cell.value), ("h", cell.high))
    )
    return (
        f'<td data-v="{cell.value:.6g}"{kind} style="{places}" title="{said}">{value}{tied}'
        f'<small class="interval">[{number(cell.low, digits)}, {number(cell.high, digits)}]</small></td>'
    )


def _span(lines: Sequence[Line], key: Key) -> tuple[float, float]:
    """The range that all intervals of a column fit in, so that its whiskers can be compared."""
    cells = [line.cells[key] for line in lines if key in line.cells and math.isfinite(line.cells[key].value)]
    low = min((c.low for c in cells if math.isfinite(c.low)), default=0.0)
    high = max((c.high for c in cells if math.isfinite(c.high)), default=1.0)
    return (low, high) if high > low else (low - 1, high + 1)


def _share(value: float, span: tuple[float, float]) -> float:
    return (value - span[0]) / (span[1] - span[0])


def _sortable(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
