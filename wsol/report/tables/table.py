"""The table of one or several runs: numbers with intervals, ties marked, in any format."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from wsol.errors import ConfigError
from wsol.report.numbers.lines import RUN_FIELDS, Line, group_lines, grouped, lines_of
from wsol.report.numbers.paired import apart
from wsol.report.numbers.summary import described, record
from wsol.report.tables.columns import Choice, headline, keys_of
from wsol.report.tables.footer import beside, footer
from wsol.report.tables.formats import check_format, write
from wsol.report.tables.grid import Grid, baselines, grid_of
from wsol.report.tables.knobs import knob_grid, knob_study
from wsol.report.tables.pivot import pivot_grid

if TYPE_CHECKING:
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.summary import Summary
    from wsol.runs.schema import ProtocolInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the table is laid out.

    Attributes
    ----------
    pivot : fields whose values become columns of one metric; ``auto`` takes what differs between runs, else layers.
    pick_best : groups show their best line, not the mean over their lines.
    """

    choice: Choice = field(default_factory=Choice)
    pivot: Sequence[str] = ()
    pick_best: bool = False
    by_class: bool = False


def show(
    summaries: Summary | Sequence[Summary],
    stream: TextIO = sys.stdout,
    *,
    style: str = "auto",
    layout: Layout | None = None,
) -> None:
    """Print the table of one or several runs.

    Parameters
    ----------
    style : auto, md, csv, tex, html or json; csv and json list every number that is asked for, all without a filter.
    """
    check_format(style)
    layout = layout or Layout()
    several = list(summaries) if isinstance(summaries, Sequence) else [summaries]
    lines = _lines(several, layout)
    if style == "json" or (style == "csv" and not layout.pivot):
        found = records(lines, several, layout.choice)
        stream.write(json.dumps(found, indent=1) + "\n" if style == "json" else as_csv(found))
    else:
        write(table_grid(several, lines, layout), stream, style=style)


def table_grid(summaries: Sequence[Summary], lines: Sequence[Line], layout: Layout) -> Grid:
    """The grid that a reader of a terminal or a paper wants, with its notes."""
    protocols, choice = _protocols(summaries), layout.choice
    keys = keys_of(lines, protocols, choice)
    differing = beside(summaries)
    study = None if choice.by or choice.metrics or layout.pivot else knob_study(protocols)
    if study and len(summaries) == 1:
        grid, keys = knob_grid(lines, study)
    elif layout.pivot:
        grid, keys = pivot_grid(lines, keys, layout.pivot, differing=differing, choice=choice)
    else:
        inherited = [name for name in differing if name not in choice.by]
        grid = grid_of(lines, keys, protocols=protocols, choice=choice, beside=inherited)
    costed = not layout.pivot and not (study and len(summaries) == 1)
    notes = [*grid.notes, *footer(summaries, lines, keys, by_class=layout.by_class, costed=costed)]
    return Grid(grid.heads, grid.lines, notes, grid.rules)


def records(lines: Sequence[Line], summaries: Sequence[Summary], choice: Choice) -> list[dict[str, Any]]:
    """One plain object per number."""
    wanted = None
    if choice.metrics or choice.protocols:
        everything = Choice(metrics=choice.metrics, protocols=choice.protocols, everything=True)
        wanted = set(keys_of(lines, _protocols(summaries), everything))
    blocks = grouped(lines, lambda line: line.fields.get("run"))
    bases = baselines(blocks, choice.baseline) if choice.baseline else []
    lines = [line for block in blocks for line in block] if bases else lines
    found = []
    for n, line in enumerate(lines):
        run = {name: line.fields.get(name) for name in RUN_FIELDS}
        about: dict[str, Any] = {"variant": line.name}
        about |= {name: line.fields.get(name) for name in ("method", "layers")} | {"options": {}}
        about |= described(line.variant) if line.variant else {}
        for key, cell in line.cells.items():
            if wanted is None or key in wanted:
                seeds = {"seeds": cell.seeds, "seed_std": cell.spread} if cell.seeds > 1 else {}
                spent = {name: value if math.isfinite(value) else None for name, value in line.costs.items()}
                paired = difference_to(cell, bases[n].cells.get(key), bases[n].name) if bases else {}
                found.append(record(cell, about, line.same_as) | run | spent | seeds | paired)
    return found


def difference_to(cell: Cell, base: Cell | None, name: str) -> dict[str, Any]:
    """The paired difference of a number to that of a baseline; nothing where they are not of the same images."""
    pair = apart(cell, base) if cell is not base else None
    if pair is None:
        return {}
    points, found = pair
    return {
        "baseline": name,
        "difference": points.value,
        "difference_low": points.low,
        "difference_high": points.high,
        "p": found.p,
    }


def as_csv(found: Sequence[dict[str, Any]]) -> str:
    """One line per number; lists and mappings as JSON."""
    if not found:
        raise ConfigError("nothing is left to show; ask for fewer conditions")
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(dict.fromkeys(k for one in found for k in one)), lineterminator="\n")
    writer.writeheader()
    for one in found:
        writer.writerow({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in one.items()})
    return out.getvalue()


def _protocols(summaries: Sequence[Summary]) -> dict[str, ProtocolInfo]:
    return {name: protocol for summary in summaries for name, protocol in summary.protocols.items()}


def _lines(summaries: Sequence[Summary], layout: Layout) -> list[Line]:
    lines, choice = lines_of(summaries), layout.choice
    if not choice.by or layout.pivot:
        return lines
    pick = None
    if layout.pick_best:
        keys = keys_of(lines, _protocols(summaries), choice)
        best_by = headline(keys, lines, choice.sort)

        def worth(line: Line) -> float:
            cell = line.cells.get(best_by) if best_by else None
            if cell is None:
                return float("-inf")
            return -cell.value if cell.higher_is_better is False else cell.value

        pick = worth
    inherited = [name for name in beside(summaries) if name not in choice.by]
    return group_lines(lines, [*inherited, *choice.by], pick=pick)
