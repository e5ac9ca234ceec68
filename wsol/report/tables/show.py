"""The table of one or several runs: numbers with intervals, ties marked, in any format."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TextIO

from wsol.errors import ConfigError
from wsol.report.numbers.choose import NOTHING, Choice, baselines, headline, keys_of, worth
from wsol.report.numbers.lines import Line, group_lines, grouped, lines_of
from wsol.report.numbers.reachable import with_reachable
from wsol.report.numbers.records import records
from wsol.report.numbers.studies import knob_study
from wsol.report.tables.footer import beside, footer
from wsol.report.tables.knobs import knob_table
from wsol.report.tables.overview import overview
from wsol.report.tables.pivot import pivot_table
from wsol.report.tables.render import check_format, write
from wsol.report.tables.table import Table

if TYPE_CHECKING:
    from wsol.report.numbers.names import Measures
    from wsol.report.numbers.summary import Summary
    from wsol.runs.schema import ProtocolInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the table is laid out.

    Attributes
    ----------
    pivot : fields whose values become columns of one metric; ``auto`` takes what differs between runs, else layers.
    pick_best : groups show their best line, not the mean over their lines.
    reachable : show accuracies as a share of the ceiling's, too.
    """

    choice: Choice = field(default_factory=Choice)
    pivot: Sequence[str] = ()
    pick_best: bool = False
    by_class: bool = False
    reachable: bool = False


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
    several = list(summaries) if isinstance(summaries, Sequence) else [summaries]
    layout = layout or Layout()
    programs = style == "json" or (style == "csv" and not layout.pivot)
    write(table_of_runs(several, layout, programs=programs), stream, style=style)


def table_of_runs(summaries: Sequence[Summary], layout: Layout, *, programs: bool = False) -> Table:
    """The table of runs; for `programs` all numbers that are asked for, one plain object each."""
    lines, choice = _lines(summaries, layout), layout.choice
    protocols, measures = _protocols(summaries), _measures(summaries)
    if programs:
        return _numbers(lines, protocols, choice)
    keys, differing = keys_of(lines, protocols, choice), beside(summaries)
    study = None if choice.by or choice.metrics or layout.pivot or len(summaries) > 1 else knob_study(protocols)
    if study:
        table, keys = knob_table(lines, study)
    elif layout.pivot:
        table, key = pivot_table(lines, keys, layout.pivot, differing=differing, choice=choice, measures=measures)
        keys = [key]
    else:
        apart_in_time = len(summaries) > 1 or summaries[0].timed_apart
        inherited = [name for name in differing if name not in choice.by]
        table = overview(lines, keys, measures=measures, choice=choice, beside=inherited, timed_apart=apart_in_time)
    costed = not layout.pivot and not study
    notes = [*table.notes, *footer(summaries, lines, keys, by_class=layout.by_class, costed=costed)]
    return replace(table, notes=notes)


def _numbers(lines: Sequence[Line], protocols: Mapping[str, ProtocolInfo], choice: Choice) -> Table:
    """All numbers that are asked for, one plain object each."""
    keys = None
    if choice.metrics or choice.protocols:
        keys = keys_of(lines, protocols, Choice(metrics=choice.metrics, protocols=choice.protocols, everything=True))
    bases: Sequence[Line] = ()
    if choice.baseline:
        blocks = grouped(lines, lambda line: line.fields.get("run"))
        bases = baselines(blocks, choice.baseline)
        lines = [line for block in blocks for line in block]
    numbers = records(lines, keys=keys, bases=bases)
    if not numbers:
        raise ConfigError(NOTHING)
    return Table(columns=(), rows=(), numbers=numbers)


def _protocols(summaries: Sequence[Summary]) -> dict[str, ProtocolInfo]:
    return {name: protocol for summary in summaries for name, protocol in summary.protocols.items()}


def _measures(summaries: Sequence[Summary]) -> Measures:
    return {name: info for summary in summaries for name, info in summary.measures.items()}


def _lines(summaries: Sequence[Summary], layout: Layout) -> list[Line]:
    lines, choice = lines_of(summaries), layout.choice
    if layout.reachable:
        lines = with_reachable(lines)
    if not choice.by or layout.pivot:
        return lines
    pick = None
    if layout.pick_best:
        keys = keys_of(lines, _protocols(summaries), choice)
        best_by = headline(keys, lines, choice.sort)
        pick = lambda line: worth(line, best_by)  # noqa: E731
    inherited = [name for name in beside(summaries) if name not in choice.by]
    return group_lines(lines, [*inherited, *choice.by], pick=pick)
