"""Which lines of a table do not differ significantly, column by column: paired tests with Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsol.report.numbers.lines import Key, Line, grouped
from wsol.stats.ties import standings


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
    taking = [n for n, line in enumerate(lines) if key in line.cells and not line.same_as and not line.ceiling]
    taking = [n for n in taking if lines[n].cells[key].draws is not None]
    most: dict[tuple[str, str], int] = {}
    for n in taking:
        set_of = _image_set(lines[n])
        most[set_of] = max(most.get(set_of, 0), lines[n].cells[key].n)
    taking = [n for n in taking if lines[n].cells[key].n == most[_image_set(lines[n])]]
    places_of: dict[int, Place] = {}
    for group in grouped(taking, lambda n: lines[n].cells[key].images):
        places_of |= _group(lines, key, group)
    return places_of


def _image_set(line: Line) -> tuple[str, str]:
    """Whose images a line could have seen: a data set's, or a slice of them."""
    return str(line.fields.get("dataset")), str(line.fields.get("slice"))


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
