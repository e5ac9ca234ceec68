"""A knob study: what each knob of a protocol does to the score, one at a time, as paired differences to the preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.lines import Key, Line
from wsol.report.numbers.paired import apart, significant
from wsol.report.numbers.quantity import Cell
from wsol.report.tables.columns import Head
from wsol.report.tables.grid import Grid, Text
from wsol.report.tables.names import Style, natural, short_name, text
from wsol.stats.ties import ALPHA

if TYPE_CHECKING:
    from wsol.runs.schema import ProtocolInfo
    from wsol.stats.paired import Difference

FEWEST = 4  # derived protocols that make a study rather than two rows


@dataclass(frozen=True, slots=True)
class Study:
    """A preset and the protocols derived from it, by what differs in words: ``normalise=max``.

    `taus` are their fixed thresholds where nothing else differs in any of them, else empty.
    """

    base: str
    derived: Mapping[str, str]
    taus: Mapping[str, float]


def knob_study(protocols: Mapping[str, ProtocolInfo]) -> Study | None:
    """The study that a run's protocols make, if they are one preset and at least four derived from it."""
    for base in protocols:
        derived = {name: p.changes for name, p in protocols.items() if p.preset == base and p.changes}
        if len(derived) >= FEWEST:
            over_tau = all(c.keys() == {"tau"} and c["tau"] != "sweep" for c in derived.values())
            taus = {name: float(changes["tau"]) for name, changes in derived.items()} if over_tau else {}
            return Study(base, {name: _label(changes) for name, changes in derived.items()}, taus)
    return None


def differences(lines: Sequence[Line], study: Study) -> dict[tuple[str, str], tuple[Cell, Difference]]:
    """By (protocol, variant), the paired difference to the preset's main number, in points, and its test."""
    found = {
        (p, line.name): apart(main_cell(line, p), main_cell(line, study.base)) for line in lines for p in study.derived
    }
    return {place: pair for place, pair in found.items() if pair is not None}


def knob_grid(lines: Sequence[Line], study: Study) -> tuple[Grid, list[Key]]:
    """Knobs down, variants across: the preset's numbers first, then differences to it; ``*`` where one is there."""
    columns = [line for line in lines if not line.same_as]
    found = differences(columns, study)
    sure = significant({place: test.p for place, (_, test) in found.items()})
    short = Style.of([cell for cell, _ in found.values()], signed=True)
    main = [(line, main_cell(line, study.base)) for line in columns]
    plus = Style.of([cell for _, cell in main if cell])
    rows = [[Text(study.base), *(Text(text(cell, plus) if cell else "") for _, cell in main)]]
    for protocol in sorted(study.derived, key=lambda name: natural(study.derived[name])):
        texts = [Text(study.derived[protocol])]
        for line in columns:
            here = found.get((protocol, line.name))
            shown = text(here[0], short) if here else ""
            texts.append(Text(shown + ("*" if (protocol, line.name) in sure else "")))
        rows.append(texts)
    first = next(cell for _, cell in main if cell)
    heads = [Head("knob", numeric=False), *(Head(brief(line)) for line in columns)]
    swept = all(cell.quantity.tau == "sweep" for cell, _ in found.values())
    own = ", each under its own best threshold" if swept else ""
    notes = [
        f"First line: {first.label} under {study.base}, n = {first.n}. Below: paired differences in points{own}; "
        f"* significant (Holm over the table, {100 * ALPHA:g} %)."
    ]
    names = (study.base, *study.derived)
    keys = [key for key, cell in columns[0].cells.items() if key[0] in names and cell.quantity.headline]
    return Grid(heads, rows, notes, frozenset({1})), keys


def main_cell(line: Line, protocol: str) -> Cell | None:
    """The main number of a protocol in this line."""
    cells = (cell for key, cell in line.cells.items() if key[0] == protocol and not cell.slice)
    return next((cell for cell in cells if cell.quantity.headline), None)


def brief(line: Line) -> str:
    """What a line is called where there is little room."""
    return short_name(line.variant)[0] if line.variant else line.name


def _label(changes: Mapping[str, Any]) -> str:
    """Lists were tuples before they were stored."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
