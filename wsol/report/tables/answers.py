"""What an ablation shows, in one sentence that is never stronger than its paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wsol.report.numbers.paired import significant
from wsol.report.numbers.studies import Ablation, outcome
from wsol.report.tables.text import number

if TYPE_CHECKING:
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.studies import KnobStudy
    from wsol.stats.paired import Difference


FEW = 3  # values that are named; more are counted


def answer(study: Ablation, label: str, *, named: bool = False) -> str:
    """``gamma moves MaxBoxAcc V1 by at most 0.4 points, not significantly.``

    Parameters
    ----------
    label : what the number is called. named : begin with the method's name.

    Returns
    -------
    ``""`` where the values are not of the same images.
    """
    result = outcome(study)
    if result is None:
        return ""
    who = f"{study.name}: " if named else ""
    what = "the choice of layers" if study.option == "layers" else study.option
    names = study.names if study.option == "layers" else [f"{study.option} {name}" for name in study.names]
    moved = number(result.moved, study.cell.digits) + (" points" if study.cell.percent else "")
    if not result.differing:
        return f"{who}{what} moves {label} by at most {moved}, not significantly."
    if len(study.series) > 1:
        where = f"in {len(result.differing)} of {len(study.series)} series ({_listed(result.differing)})"
        if len(result.differing) == len(study.series):
            where = "whatever the other options"
        return f"{who}{what} moves {label} by up to {moved} ({result.at}), significantly {where}."
    ((top, tied),) = result.best.values()
    if not tied:
        return f"{who}{names[top]} has the best {label}, significantly better than every other."
    others = _listed([names[n] for n in tied]) if len(tied) <= FEW else f"{len(tied)} of {len(names) - 1} others"
    return f"{who}{names[top]} has the best {label}, but not significantly better than {others}."


def knobs_answer(differences: Mapping[tuple[str, str], tuple[Cell, Difference]], study: KnobStudy, label: str) -> str:
    """How many knobs move a number significantly for any variant, and which one the most."""
    sure = significant({place: test.p for place, (_, test) in differences.items()})
    moving = {protocol for protocol, _ in sure}
    if not moving:
        return f"None of {len(study.derived)} changes to {study.base} moves {label} significantly."
    most = max(sure, key=lambda place: abs(differences[place][0].value))
    cell = differences[most][0]
    points = number(cell.value, cell.digits, signed=True) + (" points" if cell.percent else "")
    return (
        f"{len(moving)} of {len(study.derived)} changes to {study.base} move {label} significantly for some variant, "
        f"most of all {study.derived[most[0]]} ({points} for {most[1]})."
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
