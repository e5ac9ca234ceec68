"""The usual table: one row per variant, one column per number, then costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from wsol.errors import ConfigError
from wsol.report.numbers.choose import NOTHING, Choice, baselines, cell_at, headline, is_sample, ordered
from wsol.report.numbers.lines import Key, Line, grouped, value_of
from wsol.report.numbers.names import plain, short_layers, short_name, title
from wsol.report.numbers.paired import against
from wsol.report.numbers.quantity import Cell
from wsol.report.numbers.ranking import Place, Won, places, won
from wsol.report.numbers.studies import ablations
from wsol.report.tables.answers import answer
from wsol.report.tables.table import BEST, TIED, Column, Entry, Table, words
from wsol.report.tables.text import LOST, Style, cost, entry, number

if TYPE_CHECKING:
    from wsol.report.numbers.names import Measures

TIMED_APART = "‡"
SELECTED = "§"
MARKS = {
    BEST: "significantly better than all others of its column (paired tests, Holm-corrected, 5 %).",
    TIED: "not significantly worse than the best of its column.",
    "*": "significant (paired by image, Holm-corrected over the column, 5 %).",
    LOST: "{} of {} images failed and this quantity has no worst value.",
    TIMED_APART: "timed in different runs, so another load on the machine may explain a difference.",
}


def overview(
    lines: Sequence[Line],
    keys: Sequence[Key],
    *,
    measures: Measures,
    choice: Choice,
    beside: Sequence[str] = (),
    timed_apart: bool = False,
) -> Table:
    """The table of all lines.

    Parameters
    ----------
    beside : fields of the runs that differ, shown first.
    timed_apart : whether milliseconds were measured in different runs.
    """
    if not lines or not keys:
        raise ConfigError(NOTHING)
    best_by = headline(keys, lines, choice.sort)
    blocks = [ordered(block, best_by, choice) for block in _blocks(lines, beside)]
    rows = [line for block in blocks for line in block]
    marked = {key: places(rows, key) for key in dict.fromkeys([*keys, *([best_by] if best_by else [])])}
    ranks = marked[best_by] if best_by else {}
    best = won(rows, best_by) if best_by and not choice.baseline and not choice.by else None
    bases = baselines(blocks, choice.baseline) if choice.baseline else []
    sizes = [{row.cells[key].n for row in rows if key in row.cells} for key in keys]
    varying = any(len(found) > 1 for found in sizes)
    costed = any(not math.isnan(row.costs["ms"]) for row in rows)  # maps read from files have no cost
    fields, options = [*beside, *choice.by], dict[str, str]()
    columns = [Column("rank")] if ranks else []
    columns += [Column(name, numeric=False) for name in fields]
    names = [] if choice.by else [Column("variant", numeric=False)]
    columns += names
    entries = [
        [
            *(words(_rank(ranks.get(n))) if ranks else []),
            *words(*(_in_words(name, value_of(row, name)) for name in fields)),
            *(words(_name(row, options)) if names else []),
        ]
        for n, row in enumerate(rows)
    ]
    of_numbers = number_columns(keys, lines, measures, best_by)
    columns += of_numbers
    for place, column in enumerate(
        zip(
            *(number_entries(rows, key, bases, marked[key], best if key == best_by else None) for key in keys),
            strict=True,
        )
    ):
        row = rows[place]
        if row.same_as:
            twin = twin_name(row, lines, options if names else None)
            column = (Entry(f"= {twin}", spans=True), *(Entry() for _ in keys[1:]))
        entries[place] += column
    if costed:
        columns += _cost_columns(choice.everything, timed_apart)
        entries = [[*found, *_costs(row, choice.everything)] for found, row in zip(entries, rows, strict=True)]
    if varying:
        columns.append(Column("n", drop=1))
        entries = [[*found, *words(_sizes(row, keys))] for found, row in zip(entries, rows, strict=True)]
    lead = [said for key in [best_by] if key for said in _answers(rows, key, measures)]
    if bases:
        whose = " of the same run" if len({id(base) for base in bases}) > 1 else ""
        lead.append(f"Differences to {bases[0].name}{whose}.")
    if ranks and best_by:
        lead.append(
            f"Ranked by {in_full(cell_at(rows, best_by), measures)}: 1 + how many variants are significantly better, "
            "= where shared."
        )
    notes = [f"({mark}) {text}" for text, mark in options.items()]
    notes += twins_note(rows)
    notes += (
        []
        if bases
        else unmarked_notes(
            [
                (f"{column.label} {column.group}".strip(), rows, key)
                for key, column in zip(keys, of_numbers, strict=True)
            ],
            marked,
        )
    )
    if bases:
        notes.append("Numbers of the baseline itself, and of rows on other images than its own, are not differences.")
    if ranks and any(n not in ranks and not row.same_as and not row.ceiling for n, row in enumerate(rows)):
        notes.append("No rank: nothing of the same images to compare with, or no number.")
    notes += [] if varying else [_same_sizes(keys, [next(iter(found)) for found in sizes], lines)]
    most = max((row.cells[best_by].n for row in rows if best_by in row.cells), default=0) if best_by else 0
    kinds = [(row.control, is_sample(row, best_by, most)) for row in rows]
    if any(sample for _, sample in kinds):
        notes.append("Rows on fewer images have no rank; wsol compare takes the images that two variants share.")
    marks = marks_of(rows, keys) | ({SELECTED: _selected(best)} if best else {})
    rules = [n for n in range(1, len(rows)) if kinds[n] != kinds[n - 1] and not choice.by]
    return Table(columns=columns, rows=entries, lead=lead, marks=marks, notes=notes, rules=frozenset(rules))


def number_columns(
    keys: Sequence[Key], lines: Sequence[Line], measures: Measures, best_by: Key | None = None
) -> list[Column]:
    """Columns of numbers: the measure is the group where there are several, or where its version is in the name."""
    cells = {key: cell_at(lines, key) for key in keys}
    boxes = {key[0] for key in keys if cells[key].quantity.tau}
    origins = {measure: {k[2] for k in keys if k[0] == measure} for measure, _, _ in keys}
    columns = []
    for key, cell in cells.items():
        label, measure = title(cell, measures)
        alike = {k[0] for k in keys if cells[k].label == cell.label}
        several = len(boxes) > 1 if key[0] in boxes else len(alike) > 1
        group = measure if several or label != cell.label else ""
        if len(origins[key[0]]) > 1 and key[2]:
            group = f"{group} tau {key[2]}".strip()
        drop = 0 if key == best_by else 2 if cell.quantity.headline else 4
        name, unit, higher = f"{key[0]}/{key[1]}", cell.quantity.unit, cell.higher_is_better
        columns.append(Column(name, label, group, unit, higher, drop=drop))
    return columns


def in_full(cell: Cell, measures: Measures) -> str:
    """``MaxBoxAcc V2``."""
    return " ".join(part for part in title(cell, measures) if part)


def marks_of(rows: Iterable[Line], keys: Sequence[Key]) -> dict[str, str]:
    """What the marks mean; how many images failed for cells that have no number because of that."""
    cells = [row.cells[key] for row in rows for key in keys if key in row.cells]
    lost = dict.fromkeys((cell.failed, cell.n) for cell in cells if cell.failed)
    return {**MARKS, LOST: " ".join(MARKS[LOST].format(*counts) for counts in lost)}


def twins_note(rows: Iterable[Line]) -> list[str]:
    """What ``= NAME`` means, where it stands."""
    if not any(row.same_as for row in rows):
        return []
    return [
        "= NAME: the same maps as NAME up to rounding, and so the same numbers; it takes no part in tests and ranks."
    ]


def unmarked_notes(
    columns: Iterable[tuple[str, Sequence[Line], Key]], marked: Mapping[Key, Mapping[int, Place]] | None = None
) -> list[str]:
    """Why columns of (title, lines, key) have no marks, and which of them compare only some of their lines.

    `marked` has the places of all lines by column, where they are known; they take longest.
    """
    plain, equal, apart = list[str](), list[str](), list[str]()
    for name, rows, key in columns:
        taking = [row for row in rows if key in row.cells and not row.same_as and not row.ceiling]
        taking = [row for row in taking if row.cells[key].draws is not None]
        found = places(rows, key) if marked is None else marked[key]
        if len(taking) < 2:
            continue
        if cell_at(taking, key).higher_is_better is None:
            plain.append(name)
        elif len(found) < len(taking):
            apart.append(name)
        elif not any(place.best or place.tied for place in found.values()):
            equal.append(name)
    reasons = {
        "neither higher nor lower is better": plain,
        "nothing differs significantly from the best": equal,
    }
    notes = [f"No marks in {', '.join(dict.fromkeys(names))}: {why}." for why, names in reasons.items() if names]
    if apart:
        notes.append(f"{', '.join(dict.fromkeys(apart))}: only rows of the same images are compared.")
    return notes


def marks_at(place: Place | None) -> tuple[str, ...]:
    """The marks of a place in a column."""
    return (BEST,) if place and place.best else (TIED,) if place and place.tied else ()


def twin_name(row: Line, lines: Iterable[Line], options: dict[str, str] | None = None) -> str:
    """The short name of the variant that this one equals; its whole id where that would leave options out."""
    twin = next((line for line in lines if line.name == row.same_as), None)
    if twin is None or (options is None and twin.about is not None and short_name(twin.about)[1]):
        return row.same_as
    return _name(twin, options if options is not None else {})


def number_entries(
    rows: Sequence[Line],
    key: Key,
    bases: Sequence[Line] = (),
    marks: Mapping[int, Place] | None = None,
    best: Won | None = None,
) -> list[Entry]:
    """The entries of one column: numbers with marks, or differences to the baseline; `marks` are their places.

    `best` is the one that is named as such, with the interval that allows for it.
    """
    marks = places(rows, key) if marks is None else marks
    beyond = against(rows, key, bases) if bases else {}
    style = Style.of(row.cells[key] for row in rows if key in row.cells)
    signed = Style.of((cell for cell, _ in beyond.values()), signed=True)
    entries = []
    for n, row in enumerate(rows):
        at = marks_at(marks.get(n))
        if n in beyond:
            cell, significant = beyond[n]
            entries.append(entry(cell, signed, marks=("*",) if significant else ()))
        else:
            named = best is not None and best.line == n
            cell_ = best.cell if best is not None and named else row.cells.get(key)
            entries.append(entry(cell_, style, marks=() if beyond else (*at, SELECTED) if named else at))
    return entries


def _selected(best: Won) -> str:
    """``best of 37, chosen on these images: ...``"""
    without = number(best.unbiased, best.cell.digits)
    return (
        f"best of {best.candidates}, chosen on these images: its interval allows for that (Andrews et al. 2024) and "
        f"may lie below the number, which without the choice would be about {without}."
    )


def _answers(rows: Sequence[Line], key: Key, measures: Measures) -> list[str]:
    """What the table says of each option that was varied, where every method was varied."""
    methods = [row.fields.get("method") for row in rows if not row.control]
    if not methods or any(methods.count(method) < 2 for method in methods):
        return []
    label, several = in_full(cell_at(rows, key), measures), len(set(methods)) > 1
    return [said for study in ablations(rows, key) if (said := answer(study, label, named=several))]


def _same_sizes(keys: Sequence[Key], sizes: Sequence[int], lines: Sequence[Line]) -> str:
    """``n = 600 images (Deletion, Insertion: 40).``"""
    counts: dict[int, list[str]] = {}
    for key, n in zip(keys, sizes, strict=True):
        counts.setdefault(n, []).append(cell_at(lines, key).label)
    main = max(counts)
    others = [f"{', '.join(dict.fromkeys(labels))}: {n}" for n, labels in sorted(counts.items()) if n != main]
    return f"n = {main} images" + (f" ({'; '.join(others)})." if others else ".")


def _blocks(lines: Sequence[Line], beside: Sequence[str]) -> list[list[Line]]:
    return grouped(lines, lambda line: tuple(str(line.fields.get(name)) for name in beside))


def _rank(place: Place | None) -> str:
    return "" if place is None else f"{'=' if place.shared else ''}{place.rank}"


def _name(row: Line, options: dict[str, str]) -> str:
    """Long options become notes, each under a letter."""
    name, long = short_name(row.variant) if row.variant else (row.name, "")
    return f"{name} ({options.setdefault(long, _letter(len(options)))})" if long else name


def _letter(n: int) -> str:
    """a to z, then aa, ab, ..."""
    first, last = divmod(n, 26)
    return (_letter(first - 1) if first else "") + chr(ord("a") + last)


def _in_words(name: str, value: object) -> str:
    return short_layers(str(value)) if name == "layers" else plain(value)


def _cost_columns(everything: bool, timed_apart: bool) -> list[Column]:
    columns = [Column("passes", "F+B", drop=3)]
    columns.append(Column("ms", unit="ms", drop=3, mark=TIMED_APART if timed_apart else ""))
    return [*columns, Column("peak_mb", "MB", unit="MB", drop=5)] if everything else columns


def _costs(row: Line, everything: bool) -> list[Entry]:
    spent = f"{cost(row.costs['forwards'] + row.costs['partial_forwards'])}+{cost(row.costs['backwards'])}"
    names = ["ms", "peak_mb"] if everything else ["ms"]
    return [*words(spent), *(Entry(cost(row.costs[name]), row.costs[name]) for name in names)]


def _sizes(row: Line, keys: Sequence[Key]) -> str:
    return "/".join(str(n) for n in sorted({row.cells[k].n for k in keys if k in row.cells}, reverse=True))
