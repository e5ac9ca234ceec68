"""Numbers outside of what they can be, and fractions among percentages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import LOCALIZATION, Finding, Number, check, grouped, place

SMALL, USUAL = 1.0, 5.0  # a localization accuracy up to 1 % beside others that are all above 5 %
FEWEST = 3  # others that show what is usual


@check("bounds", about="percentages outside 0 to 100, and fractions among percentages")
def bounds(numbers: Sequence[Number]) -> Iterator[Finding]:
    """Every accuracy is between 0 and 100 %; one of 0.7 in a column of 70s is a fraction."""
    accuracies = [number for number in numbers if not number.difference]
    for number in accuracies:
        if not 0 <= number.value <= 100 and number.metric != "average_drop":
            yield Finding(
                check="bounds",
                strength="arithmetic",
                numbers=(number,),
                says=f"{number.label} of {place(number)} is {number.shown} %, outside 0 to 100.",
            )
    known = [number for number in accuracies if number.metric in LOCALIZATION]
    for _, column in grouped(known, lambda number: (number.table, number.dataset, number.metric)):
        for number in column:
            others = [one for one in column if one is not number]
            if 0 < number.value <= SMALL and len(others) >= FEWEST and min(one.value for one in others) > USUAL:
                yield Finding(
                    check="bounds",
                    strength="chance",
                    numbers=(number,),
                    says=f"{number.label} of {place(number)} is {number.shown} %, and the lowest other of its column "
                    f"is {min(one.value for one in others):g} %: a fraction among percentages?",
                )
