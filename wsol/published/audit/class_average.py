"""Numbers that look like averages over classes, beside ones over images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, listed
from wsol.published.audit._counts import LONG, counts_of
from wsol.published.audit.possible_counts import LIKELY_COUNTS

FEWEST = 4  # impossible cells from which a table is said to be no table of counts


@check("class_average", about="means over classes where a mean over images is expected")
def class_average(numbers: Sequence[Number]) -> Iterator[Finding]:
    """Two traces of an average over classes on data whose classes have different numbers of images.

    A number printed in full that is no count of n; and a table in which as many cells are impossible as would be if
    they had nothing to do with n.
    """
    telling = [number for number in numbers if number.is_count and number.of_classes]
    for (_, n), cells in grouped(telling, lambda number: (number.table, number.n)):
        full = [number for number in cells if number.digits >= LONG]
        found = counts_of(n or 0, full)
        if found is not None and found.wrong:
            yield Finding(
                check="class_average",
                strength="arithmetic",
                numbers=found.wrong,
                says=f"{listed(number.shown for number in found.wrong)}, printed in full, times {n:,} are not whole "
                "numbers of images: an average over classes, or of another n.",
            )
        found = counts_of(n or 0, [number for number in cells if number.digits < LONG])
        if found is None or len(found.wrong) < FEWEST or found.p < LIKELY_COUNTS:
            continue
        yield Finding(
            check="class_average",
            strength="chance",
            numbers=found.wrong,
            says=f"{len(found.wrong)} of {len(found.cells)} cells are not a whole number of {found.n:,} images; were "
            f"they unrelated to n, {found.expected:.1f} would not be, and so few or fewer with p = {found.p:.2g}. "
            "Averages over classes look so; so does a table that quotes others.",
            p=found.p,
        )
