"""One system, several numbers: within a table, or from one table to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import LOCALIZATION, Finding, Number, check, grouped, listed, place

COMPARED = LOCALIZATION | {"average_drop", "increase"}


@check("same_system", about="one system on one network and data set with different numbers")
def same_system(numbers: Sequence[Number]) -> Iterator[Finding]:
    """Numbers under one name that don't round to each other: other training, protocol, classifier, or a slip.

    A coarser number agrees with a finer one that rounds to it. Rows that say what sets them apart are not compared.
    """
    comparable = [n for n in numbers if n.metric in COMPARED and not n.difference and not n.is_mean and n.system]

    def system(number: Number) -> tuple[object, ...]:
        where = "" if number.system == "center" else number.network
        return (number.dataset, number.n, where, number.system, number.layers, number.setting)

    for _, cells in grouped(comparable, system):
        differing = {
            metric: distinct
            for metric, same in grouped(cells, lambda number: number.metric)
            if len(distinct := distinct_values(same)) > 1
        }
        if not differing:
            continue
        said = [
            f"{groups[0][0].label} is {', '.join(f'{g[0].shown} ({listed(_tables(g))})' for g in groups)}"
            for groups in differing.values()
        ]
        yield Finding(
            check="same_system",
            strength="differs",
            numbers=tuple(number for groups in differing.values() for group in groups for number in group),
            says=f"{place(cells[0])}: {'; '.join(said)}.",
        )


def distinct_values(cells: Sequence[Number]) -> list[list[Number]]:
    """Cells that agree up to their rounding together, the most precise first of each group; by value."""
    groups: list[list[Number]] = []
    for number in sorted(cells, key=lambda n: -n.digits):
        fitting = [group for group in groups if agree(group[0], number)]
        if fitting:
            fitting[0].append(number)
        else:
            groups.append([number])
    return sorted(groups, key=lambda group: group[0].value)


def agree(one: Number, other: Number) -> bool:
    """Whether two numbers are the same up to the coarser one's last place, rounded or truncated."""
    if one.digits == other.digits:
        return abs(one.value - other.value) < 1e-9
    return abs(one.value - other.value) < 10.0 ** -min(one.digits, other.digits) - 1e-9


def _tables(group: Sequence[Number]) -> list[str]:
    """Each table once, with how often where it is more."""
    return [f"{table} x{len(same)}" if len(same) > 1 else table for table, same in grouped(group, lambda n: n.table)]
