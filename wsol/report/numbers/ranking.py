"""Which lines of a table do not differ significantly, column by column: paired tests with Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wsol.report.numbers.lines import Key, Line, grouped
from wsol.stats.selection import winner
from wsol.stats.ties import standings

if TYPE_CHECKING:
    from wsol.report.numbers.quantity import Cell


@dataclass(frozen=True, slots=True)
class Place:
    """A line's place in a column.

    Attributes
    ----------
    rank : 1 + how many lines are significantly better; shared by lines that do not differ significantly.
    shared : whether another line has this rank.
    best : the highest value, and every other line is significantly worse: fit for bold.
    tied : not significantly worse than the best, but not alone with that; nobody is where all are.
    """

    rank: int
    shared: bool
    best: bool
    tied: bool


def places(lines: Sequence[Line], key: Key) -> Mapping[int, Place]:
    """By index of the line, its place in the column; lines are compared with those of the same images only.

    Variants that equal another by algebra (`Line.same_as`) take no part: they would tie with it for no news. Neither do
    ceilings, which know the ground truth, nor variants that saw a sample of the images: their rank among few would
    stand beside ranks among all.
    """
    places_of: dict[int, Place] = {}
    for group in grouped(_taking(lines, key), lambda n: lines[n].cells[key].images):
        places_of |= _group(lines, key, group)
    return places_of


@dataclass(frozen=True, slots=True)
class Won:
    """The best method of a column, whose interval allows for its having been selected.

    Attributes
    ----------
    line : its index. cell : its number with that interval.
    unbiased : its number without what the choice adds, in the cell's unit; candidates : of how many it is the best.
    """

    line: int
    cell: Cell
    unbiased: float
    candidates: int


def won(lines: Sequence[Line], key: Key) -> Won | None:
    """The best method of a column among those of the same images; None where it has no rival, or no error."""
    rivals = [n for n in _taking(lines, key) if not lines[n].control and not math.isnan(lines[n].cells[key].value)]
    if len(rivals) < 2 or lines[rivals[0]].cells[key].higher_is_better is None:
        return None
    higher = bool(lines[rivals[0]].cells[key].higher_is_better)
    best = max(rivals, key=lambda n: (1 if higher else -1) * lines[n].cells[key].value)
    cell = lines[best].cells[key]
    others = [lines[n].cells[key] for n in rivals if n != best and lines[n].cells[key].images == cell.images]
    draws = [other.draws for other in others if other.draws is not None]
    if cell.draws is None or not draws or not all(one.resamples.same_as(cell.draws.resamples) for one in draws):
        return None
    found = winner(cell.draws, draws, higher_is_better=higher)
    if found is None:
        return None
    scale = 100.0 if cell.percent else 1.0
    widened = replace(cell, low=scale * found.estimate.low, high=scale * found.estimate.high)
    return Won(best, widened, scale * found.unbiased, found.candidates)


def _image_set(line: Line) -> tuple[str, str]:
    """Whose images a line could have seen: a data set's, or a slice of them."""
    return str(line.fields.get("dataset")), str(line.fields.get("slice"))


def _taking(lines: Sequence[Line], key: Key) -> list[int]:
    """Which lines are compared."""
    taking = [n for n, line in enumerate(lines) if key in line.cells and not line.same_as and not line.ceiling]
    taking = [n for n in taking if lines[n].cells[key].draws is not None]
    most: dict[tuple[str, str], int] = {}
    for n in taking:
        set_of = _image_set(lines[n])
        most[set_of] = max(most.get(set_of, 0), lines[n].cells[key].n)
    return [n for n in taking if lines[n].cells[key].n == most[_image_set(lines[n])]]


def _group(lines: Sequence[Line], key: Key, group: Sequence[int]) -> dict[int, Place]:
    cells = {n: lines[n].cells[key] for n in group}
    higher = cells[group[0]].higher_is_better
    if higher is None or len(group) < 2:
        return {}
    draws = {str(n): cell.draws for n, cell in cells.items() if cell.draws is not None}
    ranked = standings(draws, higher_is_better=higher)
    ranks = [standing.rank for standing in ranked.values()]
    count = sum(standing.tied_with_best for standing in ranked.values())
    alone, some = count == 1, 1 < count < len(ranked)
    return {
        int(n): Place(s.rank, ranks.count(s.rank) > 1, s.tied_with_best and alone, s.tied_with_best and some)
        for n, s in ranked.items()
    }
