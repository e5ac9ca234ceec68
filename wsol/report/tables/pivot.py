"""One number, methods down and something else across: data sets, networks, layers, parts of the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import ConfigError
from wsol.report.numbers.choose import NOTHING, Choice, cell_at, headline, is_sample, ordered
from wsol.report.numbers.lines import Key, Line, check_fields, grouped, value_of
from wsol.report.numbers.names import natural, plain, short_layers, short_name
from wsol.report.numbers.ranking import places
from wsol.report.tables.overview import in_full, marks_at, marks_of, twin_name, twins_note, unmarked_notes
from wsol.report.tables.table import BEST, TIED, Column, Entry, Table, words
from wsol.report.tables.text import Style, entry

if TYPE_CHECKING:
    from wsol.report.numbers.names import Measures

    Values = tuple[str, ...]

WIDE = 9  # so many columns are turned over: they become rows


def pivot_table(
    lines: Sequence[Line],
    keys: Sequence[Key],
    fields: Sequence[str],
    *,
    differing: Sequence[str],
    choice: Choice,
    measures: Measures,
) -> tuple[Table, Key]:
    """The table, and the one column of the usual table that it spreads out.

    Best and ties are marked within each column. Lines that would share a place are an error: name more fields.
    """
    if choice.baseline:
        raise ConfigError(
            "a table that spreads one number out has no baseline; leave out --baseline, --pivot or --slice"
        )
    key = headline(keys, lines, choice.sort)
    if key is None:
        raise ConfigError(NOTHING)
    across = _fields(fields, differing, lines)
    down = list(choice.by) or _down(lines, across, differing)
    check_fields(lines, [*across, *down])
    rows = ordered([line for line in lines if key in line.cells], key, Choice(by=down) if choice.by else Choice())
    sizes = _sizes(lines, key, across)
    if not choice.by:
        rows = _by_mean(rows, key, down, across, sizes)
    spread = list(sizes)
    if across != ["slice"]:  # those are in the order they were cut
        spread.sort(key=lambda values: [natural(v) for v in values])
    cell = cell_at(rows, key)
    columns = [Column(name, numeric=False) for name in down]
    columns += [Column(" ".join(values) or "-", unit=cell.quantity.unit, drop=1) for values in spread]
    body = _body(rows, key, down, across, spread)
    turned = len(spread) >= WIDE
    if turned:
        columns, body = _turned(columns, body, len(down))
    arrow = ", lower is better" if cell.higher_is_better is False else ""
    by = "" if choice.by else " Rows are ordered by the mean of their numbers, controls last."
    lead = [f"{in_full(cell, measures)}{arrow}; threshold: {cell.tau_from or 'none'}.{by}"]
    if len(set(sizes.values())) > 1:
        lead.append("n: " + ", ".join(f"{' '.join(values)} {n}" for values, n in sizes.items()) + ".")
    else:
        lead.append(f"n = {next(iter(sizes.values()))} images each.")
    by_column = [[line for line in rows if _values(line, across) == values] for values in spread]
    notes = twins_note(rows)
    notes += unmarked_notes(
        [(" ".join(values) or "-", column, key) for values, column in zip(spread, by_column, strict=True)]
    )
    if any(not entry.text for row in body for entry in row[len(down) if not turned else 1 :]):
        notes.append("Blank: no such number in the rows.")
    if any(is_sample(line, key, sizes[_values(line, across)]) for line in rows):
        notes.append("Rows on fewer images stand below the others and have no marks.")
    side = "row" if turned else "column"
    marks = marks_of(rows, [key]) | {
        TIED: f"not significantly worse than the best of its {side} (paired, Holm-corrected, 5 %).",
        BEST: f"significantly better than all others of its {side} (paired, Holm-corrected, 5 %).",
    }
    return Table(columns=columns, rows=body, lead=lead, marks=marks, notes=notes), key


def _body(
    rows: Sequence[Line], key: Key, down: Sequence[str], across: Sequence[str], spread: Sequence[Values]
) -> list[list[Entry]]:
    names = dict.fromkeys(_values(line, down) for line in rows)
    entries: dict[tuple[Values, Values], Entry] = {}
    style = Style.of(line.cells[key] for line in rows)
    for values in spread:
        column = [line for line in rows if _values(line, across) == values]
        marks = places(column, key)
        for n, line in enumerate(column):
            at = (_values(line, down), values)
            if at in entries:
                raise ConfigError(
                    f"two lines share the place {' '.join(at[0])} / {' '.join(values)}: they differ in something else; "
                    "name it with --by or --pivot"
                )
            number = entry(line.cells[key], style, marks=marks_at(marks.get(n)))
            entries[at] = words(f"= {twin_name(line, rows)}")[0] if line.same_as else number
    return [
        [*words(*_displayed(name, down, rows)), *(entries.get((name, values), Entry()) for values in spread)]
        for name in names
    ]


def _sizes(lines: Sequence[Line], key: Key, across: Sequence[str]) -> dict[Values, int]:
    """By column, the images of its lines; of some variants there may be fewer."""
    sizes: dict[Values, int] = {}
    for line in lines:
        if key in line.cells:
            values = _values(line, across)
            sizes[values] = max(sizes.get(values, 0), line.cells[key].n)
    return sizes


def _by_mean(
    rows: Sequence[Line], key: Key, down: Sequence[str], across: Sequence[str], sizes: Mapping[Values, int]
) -> list[Line]:
    """Lines in the order of their means over the columns; samples stand below the others, controls last."""
    sign = -1 if cell_at(rows, key).higher_is_better is False else 1

    def place(group: Sequence[Line]) -> tuple[bool, bool, float]:
        mean = float(np.mean([line.cells[key].value for line in group]))
        part = any(is_sample(line, key, sizes[_values(line, across)]) for line in group)
        return group[0].control, part, -sign * mean

    return [line for group in sorted(grouped(rows, lambda line: _values(line, down)), key=place) for line in group]


def _displayed(name: Values, down: Sequence[str], rows: Sequence[Line]) -> Values:
    """Values as they are shown: variants by their short name where that says it all."""
    shown = {line.name: short_name(line.variant) for line in rows if line.variant}
    short = {full: brief for full, (brief, long) in shown.items() if not long}
    return tuple(short.get(v, v) if field == "variant" else v for field, v in zip(down, name, strict=True))


def _turned(columns: Sequence[Column], body: list[list[Entry]], names: int) -> tuple[list[Column], list[list[Entry]]]:
    """Columns as rows, without variants that equal another wherever they have a number."""
    body = [row for row in body if not all(entry.text.startswith("= ") for entry in row[names:] if entry.text)]
    turned = [[*words(column.label or column.key), *(row[n] for row in body)] for n, column in enumerate(columns)]
    titles = [Column(" ".join(entry.text for entry in row[:names]), unit=columns[-1].unit, drop=1) for row in body]
    return [Column("", numeric=False), *titles], turned[names:]


def _fields(fields: Sequence[str], differing: Sequence[str], lines: Sequence[Line]) -> list[str]:
    if list(fields) != ["auto"]:
        return list(fields)
    if len({line.fields.get("slice") for line in lines}) > 1:
        return ["slice"]
    return list(differing) or ["layers"]


def _down(lines: Sequence[Line], across: Sequence[str], differing: Sequence[str]) -> list[str]:
    """What is left to tell lines apart: the variant as a whole, or its parts where some of them go across."""
    left = [name for name in differing if name not in across]
    parts = {"method", "layers"} | {option for line in lines if line.about for option in line.about.options}
    if not parts & set(across):
        return [*left, "variant"]
    kept = [n for n in ("method", "layers") if n not in across]
    return [*left, *kept, *sorted(parts - {"method", "layers"} - set(across))]


def _values(line: Line, names: Sequence[str]) -> Values:
    return tuple(short_layers(plain(value_of(line, n))) if n == "layers" else plain(value_of(line, n)) for n in names)
