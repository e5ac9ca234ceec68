"""Percentages that are no share of n images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, listed
from wsol.published.audit._counts import LONG, counts_of

LIKELY_COUNTS = 0.05  # a table with so few impossible cells is one of counts, but for them


@check("possible_counts", about="cells that are not a whole number of images out of the stated n")
def possible_counts(numbers: Sequence[Number]) -> Iterator[Finding]:
    """In tables whose other cells are counts, the cells that are none; and cells that no rounding makes one.

    One cell proves little where many percentages are possible (the base rate is given); a table's cells together do.
    """
    telling = [n for n in numbers if n.is_count and not (n.of_classes and n.digits >= LONG)]  # those: class_average
    for (_, n, _), cells in grouped(telling, lambda number: (number.table, number.n, number.certainty == "secondary")):
        found = counts_of(n or 0, cells)
        if found is None:
            continue
        clear = found.p < LIKELY_COUNTS
        wrong = found.wrong if clear else found.never
        if not wrong:
            continue
        count = len(found.cells)
        rates = 100 * (1 - found.expected / count), 100 * (1 - found.either / count)
        yield Finding(
            check="possible_counts",
            strength="arithmetic" if set(wrong) <= set(found.never) else "chance",
            numbers=tuple(wrong),
            says=f"{listed(one.shown for one in wrong)}: not a whole number of {found.n:,} images, "
            f"{found.rule if clear else 'rounded or truncated'}; {count - len(found.wrong)} of its table's {count} "
            f"cells are (by chance {rates[0]:.0f} % rounded, {rates[1]:.0f} % either way; p = {found.p:.2g}). "
            "Another n, another average, or a slip.",
            p=found.p,
        )
