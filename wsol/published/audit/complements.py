"""Shares of two methods between which each image chooses one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, place, unit_in_last_place

SLACK = 1e-9


@check("complements", about="win rates of a pair that don't sum to 100")
def complements(numbers: Sequence[Number]) -> Iterator[Finding]:
    """Of two methods one wins each image, so their rates sum to 100 but for rounding."""
    wins = [number for number in numbers if number.metric == "win"]
    pairs = grouped(wins, lambda n: (n.table, n.source, n.dataset, n.network, n.setting))
    for _, pair in pairs:
        if len(pair) != 2:
            continue
        total = pair[0].value + pair[1].value
        if abs(total - 100) > unit_in_last_place(pair) + SLACK:
            first, second = pair
            yield Finding(
                check="complements",
                strength="arithmetic",
                numbers=(first, second),
                says=f"{place(first)} wins {first.shown} % and {second.system} {second.shown} % of the images of one "
                f"comparison, together {total:.2f} %.",
            )
