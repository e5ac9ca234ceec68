"""Differences of two cells on the same images, and lines as differences to a named one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from wsol.report.numbers.quantity import Cell
from wsol.stats.all_pairs import p_values
from wsol.stats.paired import difference, holm
from wsol.stats.ties import ALPHA

if TYPE_CHECKING:
    from wsol.report.numbers.lines import Key, Line
    from wsol.stats.paired import Difference

K = TypeVar("K", bound=Hashable)


def apart(cell: Cell | None, base: Cell | None) -> tuple[Cell, Difference] | None:
    """`cell` minus `base` in the cell's own unit, and the test; None where they are not of the same images."""
    if cell is None or base is None or cell.draws is None or base.draws is None or cell.images != base.images:
        return None
    if not cell.draws.resamples.same_as(base.draws.resamples):
        return None
    test = difference(cell.draws, base.draws)
    scale = 100.0 if cell.percent else 1.0
    ends = cell.quantity.bounds or ((0.0, 1.0) if cell.percent and not cell.quantity.signed else (0.0, math.inf))
    most = scale * (ends[1] - ends[0])  # of a difference of two such numbers
    low, high = (float(end) for end in np.clip([scale * test.low, scale * test.high], -most, most))
    points = replace(cell, value=scale * test.value, low=low, high=high, draws=None, seeds=1)
    return points, test


def p_of_pairs(cells: Sequence[Cell]) -> list[float] | None:
    """The p values of all pairs, as `itertools.combinations` has them; None where not all are of the same images."""
    draws = [cell.draws for cell in cells if cell.draws is not None]
    alike = all(one.resamples.same_as(draws[0].resamples) for one in draws)
    if len(draws) < len(cells) or len({cell.images for cell in cells}) > 1 or not alike:
        return None
    return p_values(draws)


def against(lines: Sequence[Line], key: Key, bases: Sequence[Line]) -> dict[int, tuple[Cell, bool]]:
    """By index of the line, its difference to its base and whether it is significant, Holm-corrected over the column.

    `bases` has one line for each of `lines`; a base itself and twins of others have no difference.
    """
    pairs = {
        n: pair
        for n, (line, base) in enumerate(zip(lines, bases, strict=True))
        if line is not base and not line.same_as and (pair := apart(line.cells.get(key), base.cells.get(key)))
    }
    sure = significant({n: pair[1].p for n, pair in pairs.items()})
    return {n: (pair[0], n in sure) for n, pair in pairs.items()}


def significant(p: Mapping[K, float]) -> set[K]:
    """Which of several p values are, together (Holm)."""
    if not p:
        return set()
    return {name for name, value in zip(p, holm(list(p.values())), strict=True) if value < ALPHA}
