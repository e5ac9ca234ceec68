"""One metric, methods down and something else across: data sets, networks, layers, parts of the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wsol.errors import ConfigError
from wsol.report.numbers.lines import Key, Line, check_fields, grouped, value_of
from wsol.report.numbers.ranking import places
from wsol.report.tables.columns import Choice, Head, cell_at, headline, is_sample, ordered
from wsol.report.tables.grid import LOST, Grid, Text, lost_images, twin_name
from wsol.report.tables.names import Style, natural, plain, short_layers, short_name, short_protocol, text

WIDE = 9  # so many columns are turned over: they become lines


def pivot_grid(
    lines: Sequence[Line], keys: Sequence[Key], fields: Sequence[str], *, differing: Sequence[str], choice: Choice
) -> tuple[Grid, list[Key]]:
    """The grid and the one column of the usual table that it spreads out.

    Best and ties are marked within each column. Lines that would share a place are an error: name more fields.
    """
    if choice.baseline:
        raise ConfigError(
            "a table that spreads one number out has no baseline; leave out --baseline, --pivot or --slice"
        )
    key = headline(keys, lines, choice.sort)
    if key is None:
        raise ConfigError("nothing is left to show; ask for fewer conditions")
    across = _fields(fields, differing, lines)
    check_fields(lines, across)
    down = list(choice.by) or _down(lines, across, differing)
    check_fields(lines, down)
    rows = ordered([line for line in lines if key in line.cells], key, Choice(by=down) if choice.by else Choice())
    if not choice.by:
        rows = _by_mean(rows, key, down, across)
    sizes = _sizes(lines, key, across)
    columns = list(sizes)
    if across != ["slice"]:  # those are in the order they were cut
        columns.sort(key=lambda values: [natural(v) for v in values])
    heads = [Head(name, numeric=False) for name in down] + [Head(" ".join(values) or "-") for values in columns]
    body = _body(rows, key, down, across, columns)
    turned = len(columns) >= WIDE
    if turned:
        heads, body = _turned(heads, body, len(down))
    cell = cell_at(rows, key)
    arrow = " ↓" if cell.higher_is_better is False else ""
    notes = [f"{cell.label}{arrow}, {short_protocol(key[0])}, threshold {cell.tau_from or '-'}."]
    if len(set(sizes.values())) > 1:
        notes.append("n: " + ", ".join(f"{' '.join(values)} {n}" for values, n in sizes.items()) + ".")
    else:
        notes.append(f"n = {next(iter(sizes.values()))} images each.")
    if any(_is_part(line, key, across, sizes) for line in rows):
        notes.append("Lines with fewer images, of variants on a sample, stand below the others and have no marks.")
    if any(text.tied for line in body for text in line):
        side = "line" if turned else "column"
        notes.append(f"¹ not significantly worse than the best of its {side} (paired, Holm-corrected, 5 %).")
    notes += [LOST.format(k, n) for k, n in lost_images(rows, [key])]
    return Grid(heads, body, notes), [key]


def _body(
    rows: Sequence[Line], key: Key, down: Sequence[str], across: Sequence[str], columns: Sequence[tuple[str, ...]]
) -> list[list[Text]]:
    names = dict.fromkeys(_values(line, down) for line in rows)
    body = {name: [*(Text(v) for v in _displayed(name, down, rows)), *(Text() for _ in columns)] for name in names}
    short = Style.of([line.cells[key] for line in rows])
    for place, values in enumerate(columns):
        column = [line for line in rows if _values(line, across) == values]
        marks = places(column, key)
        for n, line in enumerate(column):
            name = _values(line, down)
            texts = body[name]
            if texts[len(down) + place].value:
                raise ConfigError(
                    f"two lines share the place {' '.join(name)} / {' '.join(values)}: they differ in something else; "
                    "name it with --by or --pivot"
                )
            mark = marks.get(n)
            shown = f"= {twin_name(line, rows)}" if line.same_as else text(line.cells[key], short)
            texts[len(down) + place] = Text(shown, bool(mark and mark.best), bool(mark and mark.tied))
    return list(body.values())


def _sizes(lines: Sequence[Line], key: Key, across: Sequence[str]) -> dict[tuple[str, ...], int]:
    """By column, the images of its lines; of some variants there may be fewer."""
    sizes: dict[tuple[str, ...], int] = {}
    for line in lines:
        if key in line.cells:
            values = _values(line, across)
            sizes[values] = max(sizes.get(values, 0), line.cells[key].n)
    return sizes


def _is_part(line: Line, key: Key, across: Sequence[str], sizes: Mapping[tuple[str, ...], int]) -> bool:
    return is_sample(line, key, sizes[_values(line, across)])


def _by_mean(rows: Sequence[Line], key: Key, down: Sequence[str], across: Sequence[str]) -> list[Line]:
    """Lines in the order of their means over the columns; samples stand below the others, controls last."""
    found = grouped(rows, lambda line: _values(line, down))
    sign = -1 if cell_at(rows, key).higher_is_better is False else 1
    sizes = _sizes(rows, key, across)

    def place(group: Sequence[Line]) -> tuple[bool, bool, float]:
        mean = float(np.mean([line.cells[key].value for line in group]))
        return group[0].control, any(_is_part(line, key, across, sizes) for line in group), -sign * mean

    return [line for group in sorted(found, key=place) for line in group]


def _displayed(name: tuple[str, ...], down: Sequence[str], rows: Sequence[Line]) -> tuple[str, ...]:
    """Values as they are shown: variants by their short name where that says it all."""
    shown = {line.name: short_name(line.variant) for line in rows if line.variant}
    short = {full: brief for full, (brief, long) in shown.items() if not long}
    return tuple(short.get(v, v) if field == "variant" else v for field, v in zip(down, name, strict=True))


def _turned(heads: list[Head], body: list[list[Text]], names: int) -> tuple[list[Head], list[list[Text]]]:
    """Columns as lines, without variants that equal another."""
    body = [line for line in body if not any(text.value.startswith("= ") for text in line[names:])]
    turned = [[Text(head.label), *(line[n] for line in body)] for n, head in enumerate(heads[names:], names)]
    titles = [Head(" ".join(text.value for text in line[:names])) for line in body]
    return [Head("", numeric=False), *titles], turned


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


def _values(line: Line, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(short_layers(plain(value_of(line, n))) if n == "layers" else plain(value_of(line, n)) for n in names)
