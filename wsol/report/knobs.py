"""A knob study: what each knob of a protocol does to the score, one at a time, as paired differences to the preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.report.cells import Cell
from wsol.report.columns import HEADLINES, Head
from wsol.report.grid import Grid, Text
from wsol.report.lines import Key, Line
from wsol.report.names import Style, natural, short_name, text
from wsol.report.paired import apart, significant
from wsol.stats.ties import ALPHA

if TYPE_CHECKING:
    from wsol.stats.paired import Difference

SWEPT = ("maxboxacc", "maxboxacc_v2")  # main numbers whose threshold is the best one
FEWEST = 4  # derived protocols that make a study rather than two rows


@dataclass(frozen=True, slots=True)
class Study:
    """A preset and the protocols derived from it, by what differs: ``normalise=max``."""

    base: str
    derived: Mapping[str, str]

    @property
    def over_tau(self) -> bool:
        """Whether nothing but a fixed threshold differs."""
        return all(label.startswith("tau=") and "," not in label for label in self.derived.values())


def knob_study(protocols: Mapping[str, Mapping[str, Any]]) -> Study | None:
    """The study that a run's protocols make, if they are one preset and at least four derived from it."""
    for base in protocols:
        derived = {n: _label(n, base) for n in protocols if n.startswith(f"{base}[")}
        if len(derived) >= FEWEST:
            return Study(base, derived)
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
    heads = [Head("knob", numeric=False), *(Head(short_name(line.about)[0]) for line in columns)]
    swept = all(cell.metric in SWEPT for cell, _ in found.values())
    own = ", each under its own best threshold" if swept else ""
    notes = [
        f"First line: {first.label} under {study.base}, n = {first.n}. Below: paired differences in points{own}; "
        f"* differs beyond doubt (Holm over the table, {100 * ALPHA:g} %)."
    ]
    keys = [key for key in columns[0].cells if key[0] in (study.base, *study.derived) and key[1] in HEADLINES]
    return Grid(heads, rows, notes, frozenset({1})), keys


def main_cell(line: Line, protocol: str) -> Cell | None:
    """The main number of a protocol in this line."""
    found = {key[1]: cell for key, cell in line.cells.items() if key[0] == protocol and not cell.slice}
    return next((found[name] for name in HEADLINES if name in found), None)


def _label(name: str, base: str) -> str:
    return name.removeprefix(base)[1:-1].replace(",", ", ")
