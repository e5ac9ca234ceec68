"""The table of a knob study: what each knob of a protocol does to the score, one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from wsol.errors import ConfigError
from wsol.report.numbers.lines import Key, Line
from wsol.report.numbers.paired import significant
from wsol.report.numbers.studies import KnobStudy, brief, knob_differences, main_cell
from wsol.report.tables.answers import knobs_answer
from wsol.report.tables.table import Column, Entry, Table, words
from wsol.report.tables.text import Style, entry


def knob_table(lines: Sequence[Line], study: KnobStudy) -> tuple[Table, list[Key]]:
    """One row per knob and variant: the number itself, and its paired difference to that under the preset.

    Ceilings have their number under the preset alone: their thresholds are never a protocol's.

    Also returns the columns of the usual table that it is made of.
    """
    variants = [line for line in lines if not line.same_as and main_cell(line, study.base)]
    if not variants:
        raise ConfigError(f"no variant has a number under {study.base} yet; run the same command to resume")
    tried = [line for line in variants if not line.ceiling] or variants
    differences = knob_differences(tried, study)
    sure = significant({place: test.p for place, (_, test) in differences.items()})
    numbers = {
        (protocol, line.name): cell
        for protocol in (study.base, *study.derived)
        for line in variants
        if (cell := main_cell(line, protocol))
    }
    style = Style.of(numbers.values())
    signed = Style.of((cell for cell, _ in differences.values()), signed=True)
    names = {study.base: f"{study.base} as published", **study.derived}
    rows: list[list[Entry]] = []
    for protocol, name in names.items():
        for line in variants if protocol == study.base else tried:
            at = (protocol, line.name)
            difference = differences[at][0] if at in differences else None
            marks = ("*",) if at in sure else ()
            rows.append(
                [*words(name, brief(line)), entry(numbers.get(at), style), entry(difference, signed, marks=marks)]
            )
    first = main_cell(tried[0], study.base)
    assert first is not None
    swept = all(cell.quantity.tau == "sweep" for cell, _ in differences.values())
    under = ", each number at its own best threshold" if swept else ""
    columns = [
        Column("knob", numeric=False),
        Column("variant", numeric=False),
        Column("value", first.label, unit=first.quantity.unit, higher_is_better=first.higher_is_better),
        Column("difference", unit=first.quantity.unit),
    ]
    table = Table(
        columns=columns,
        rows=rows,
        lead=[knobs_answer(differences, study, first.label)],
        marks={"*": "significant (Holm-corrected over the table, 5 %)."},
        notes=[f"Differences to {study.base}, paired by image, in points{under}; n = {first.n}."],
        rules=frozenset({len(variants)}),
    )
    keys = [key for key, cell in variants[0].cells.items() if key[0] in names and cell.quantity.headline]
    return table, keys
