"""From lines to the grid of a table, with its marks and notes. Formats only write it out."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError, UnknownName, unknown
from wsol.report.numbers.lines import Key, Line, grouped, value_of
from wsol.report.numbers.paired import against
from wsol.report.numbers.quantity import Cell
from wsol.report.numbers.ranking import Place, places
from wsol.report.tables.columns import Choice, Head, cell_at, headline, heads_of, is_sample, keys_of, ordered
from wsol.report.tables.names import Style, cost, plain, short_layers, short_name, text

if TYPE_CHECKING:
    from wsol.runs.schema import ProtocolInfo

__all__ = ["Choice", "Grid", "Head", "Text", "find_line", "grid_of", "headline", "keys_of", "ordered", "twin_name"]

TIES = (
    "rank: 1 + how many lines are significantly better, = where shared. Bold: significantly better than all others; "
    "¹ not significantly worse than the best; a column without marks has no significant difference to its best (paired "
    "tests on the same images, Holm-corrected, 5 %)."
)
LOST = "† {} of {} images failed and this quantity has no worst value."


@dataclass(frozen=True, slots=True)
class Text:
    """One place of the grid; `bold` is significantly the best, `tied` not significantly worse."""

    value: str = ""
    bold: bool = False
    tied: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Heads, lines and notes; `rules` are the lines with a rule above them."""

    heads: Sequence[Head]
    lines: Sequence[Sequence[Text]]
    notes: Sequence[str] = ()
    rules: Collection[int] = field(default_factory=frozenset)


def grid_of(
    lines: Sequence[Line],
    keys: Sequence[Key],
    *,
    protocols: Mapping[str, ProtocolInfo],
    choice: Choice,
    beside: Sequence[str] = (),
) -> Grid:
    """The usual table: one line each, one column per number.

    Parameters
    ----------
    beside : fields of the runs that differ, shown first.
    """
    if not lines or not keys:
        raise ConfigError("nothing is left to show; ask for fewer conditions")
    best_by = headline(keys, lines, choice.sort)
    blocks = [ordered(block, best_by, choice) for block in _blocks(lines, beside)]
    rows = [line for block in blocks for line in block]
    marks = {key: places(rows, key) for key in dict.fromkeys([*keys, *([best_by] if best_by else [])])}
    ranks = marks[best_by] if best_by else {}
    bases = baselines(blocks, choice.baseline) if choice.baseline else []
    beyond = {key: against(rows, key, bases) if bases else {} for key in keys}
    short = {key: Style.of([row.cells[key] for row in rows if key in row.cells]) for key in keys}
    sizes = {key: {row.cells[key].n for row in rows if key in row.cells} for key in keys}
    varying = any(len(found) > 1 for found in sizes.values())
    costed = any(not math.isnan(row.costs["ms"]) for row in rows)  # other people's maps come without a price
    named: list[str] = [] if choice.by else ["variant"]
    notes: dict[str, str] = {}
    out = []
    for n, row in enumerate(rows):
        texts = [Text(_rank(ranks.get(n)))] if ranks else []
        texts += [Text(_shown(name, value_of(row, name))) for name in [*beside, *choice.by]]
        texts += [Text(_name(row, notes))] if named else []
        if row.same_as:
            twin = twin_name(row, lines, notes if named else None)
            texts += [Text(f"= {twin}"), *(Text() for _ in keys[1:])]
        else:
            texts += [_text(row, key, marks[key].get(n), short[key], beyond[key], n) for key in keys]
        texts += _costs(row, choice.everything) if costed else []
        out.append([*texts, *([Text(_sizes(row, keys))] if varying else [])])
    heads = [Head("rank")] if ranks else []
    heads += [Head(name, numeric=False) for name in [*beside, *choice.by, *named]]
    heads += heads_of(keys, lines, protocols)
    if costed:
        heads += [Head("F+B"), Head("ms"), *([Head("MB")] if choice.everything else [])]
    heads += [Head("n")] if varying else []
    remarks = [f"({mark}) {options}" for options, mark in notes.items()]
    if bases:
        whose = " of the same run" if len({id(base) for base in bases}) > 1 else ""
        remarks.append(f"Differences to {bases[0].name}{whose}, paired by image; * significant (Holm-corrected, 5 %).")
    elif ranks:
        remarks.append(TIES)
    if not varying:
        remarks.insert(0, said_sizes(sizes, lines))
    remarks += [LOST.format(k, n) for k, n in lost_images(rows, keys)]
    most = max((row.cells[best_by].n for row in rows if best_by in row.cells), default=0) if best_by else 0
    kinds = [(row.control, is_sample(row, best_by, most)) for row in rows]
    if any(sample for _, sample in kinds):
        remarks.append("Lines with fewer images have no rank; wsol compare takes the images that two variants share.")
    rules = [n for n in range(1, len(rows)) if kinds[n] != kinds[n - 1] and not choice.by]
    return Grid(heads, out, remarks, frozenset(rules))


def lost_images(rows: Iterable[Line], keys: Sequence[Key]) -> list[tuple[int, int]]:
    """How many images of how many failed, for cells that have no number because of them."""
    cells = [row.cells[key] for row in rows for key in keys if key in row.cells]
    return list(dict.fromkeys((cell.failed, cell.n) for cell in cells if cell.failed))


def said_sizes(sizes: Mapping[Key, Collection[int]], lines: Sequence[Line]) -> str:
    """``n = 600 images (Deletion, Insertion: 40).``"""
    counts: dict[int, list[str]] = {}
    for key, found in sizes.items():
        counts.setdefault(next(iter(found)), []).append(cell_at(lines, key).label)
    main = max(counts)
    others = [f"{', '.join(dict.fromkeys(labels))}: {n}" for n, labels in sorted(counts.items()) if n != main]
    return f"n = {main} images" + (f" ({'; '.join(others)})." if others else ".")


def twin_name(row: Line, lines: Iterable[Line], notes: dict[str, str] | None = None) -> str:
    """The short name of the variant that this one equals; its whole id where that would leave options out."""
    twin = next((line for line in lines if line.name == row.same_as), None)
    if twin is None or (notes is None and twin.about is not None and short_name(twin.about)[1]):
        return row.same_as
    return _name(twin, notes if notes is not None else {})


def _text(
    row: Line, key: Key, mark: Place | None, short: Style, beyond: Mapping[int, tuple[Cell, bool]], n: int
) -> Text:
    """A number with its marks, or its difference to the baseline, with ``*`` where there surely is one."""
    if key not in row.cells:
        return Text()
    if n in beyond:
        cell, sure = beyond[n]
        style = Style.of([found for found, _ in beyond.values()], signed=True)
        return Text(text(cell, style) + ("*" if sure else ""), bold=bool(mark and mark.best))
    return Text(text(row.cells[key], short), bool(mark and mark.best), bool(mark and mark.tied and not beyond))


def baselines(blocks: Sequence[Sequence[Line]], name: str) -> list[Line]:
    """For each line of each block, the line called `name` in its block, or else the only one of all blocks.

    Raises
    ------
    UnknownName, ConfigError : no line is called so, or several, none of them in this block.
    """
    own: list[Line | None] = []
    for block in blocks:
        try:
            own.append(find_line(block, name))
        except UnknownName:
            own.append(None)
    known = [line for line in own if line is not None]
    if not known:
        find_line([line for block in blocks for line in block], name)  # says what there is
    if None in own and len(known) > 1:
        raise ConfigError(f"{name!r} is in {len(known)} of {len(blocks)} runs; show those alone, or one run of them")
    return [base or known[0] for base, block in zip(own, blocks, strict=True) for _ in block]


def find_line(lines: Sequence[Line], name: str) -> Line:
    """The line of a variant: its id, its short name, or the only one that begins so."""
    for line in lines:
        if name in (line.name, short_name(line.about)[0] if line.about else ""):
            return line
    beginning = [line for line in lines if line.name.startswith(name)]
    if len(beginning) == 1:
        return beginning[0]
    raise unknown("variant", name, [line.name for line in beginning or lines])


def _blocks(lines: Sequence[Line], beside: Sequence[str]) -> list[list[Line]]:
    return grouped(lines, lambda line: tuple(str(line.fields.get(name)) for name in beside))


def _rank(place: Place | None) -> str:
    return "" if place is None else f"{'=' if place.shared else ''}{place.rank}"


def _name(row: Line, notes: dict[str, str]) -> str:
    name, long = short_name(row.variant) if row.variant else (row.name, "")
    if long:
        name += f" ({notes.setdefault(long, letter(len(notes)))})"
    return name


def letter(n: int) -> str:
    """a to z, then aa, ab, ..."""
    first, last = divmod(n, 26)
    return (letter(first - 1) if first else "") + chr(ord("a") + last)


def _shown(name: str, value: Any) -> str:
    return short_layers(str(value)) if name == "layers" else plain(value)


def _costs(row: Line, everything: bool) -> list[Text]:
    spent = f"{cost(row.costs['forwards'] + row.costs['partial_forwards'])}+{cost(row.costs['backwards'])}"
    return [Text(spent), Text(cost(row.costs["ms"])), *([Text(cost(row.costs["peak_mb"]))] if everything else [])]


def _sizes(row: Line, keys: Sequence[Key]) -> str:
    return "/".join(str(n) for n in sorted({row.cells[k].n for k in keys if k in row.cells}, reverse=True))
