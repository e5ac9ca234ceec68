"""Printed means that don't follow from the cells beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, listed, place, unit_in_last_place

PARTS = ("maxboxacc@30", "maxboxacc@50", "maxboxacc@70")  # whose mean is MaxBoxAccV2
TOTALS = ("maxboxacc", "maxboxacc_v2", "pxap")  # whose means over networks a total is the mean of
SLACK = 1e-6


@check("means", about="means over networks, data sets or IoU thresholds that don't follow from their cells")
def means(numbers: Sequence[Number]) -> Iterator[Finding]:
    """A mean of k cells that were rounded to the last place u may be off by u/2 from them, and by u/2 from itself."""
    yield from _over_networks(numbers)
    yield from _over_data_sets(numbers)
    yield from _over_thresholds(numbers)


def _over_networks(numbers: Sequence[Number]) -> Iterator[Finding]:
    def block(number: Number) -> tuple[object, ...]:
        return (number.table, number.source, number.dataset, number.system, number.setting)

    networks = {key: {n.network for n in rows if not n.is_mean} for key, rows in grouped(numbers, block)}
    for (key, _), cells in grouped(numbers, lambda n: (block(n), (n.metric, n.difference))):
        printed = [number for number in cells if number.is_mean]
        parts = [number for number in cells if not number.is_mean and number.network]
        if cells[0].system.startswith("best"):  # the best mean, which is no mean of the best
            continue
        complete = {number.network for number in parts} == networks[key]  # a cell may be left out of the table
        if len(printed) == 1 and complete and len(networks[key]) == len(parts) >= 2:
            yield from _compared(printed[0], parts, "the mean over networks")


def _over_data_sets(numbers: Sequence[Number]) -> Iterator[Finding]:
    over_networks = [number for number in numbers if number.is_mean]
    key = lambda number: (number.table, number.source, number.system, number.setting, number.difference)  # noqa: E731
    for _, cells in grouped(over_networks, key):
        totals = [number for number in cells if number.metric == "total mean"]
        parts = [number for number in cells if number.metric in TOTALS]
        if len(totals) == 1 and len(parts) >= 2 and len({number.dataset for number in parts}) == len(parts):
            yield from _compared(totals[0], parts, "the mean over data sets")


def _over_thresholds(numbers: Sequence[Number]) -> Iterator[Finding]:
    for _, row in grouped(numbers, lambda number: number.subject):
        cells = {number.metric: number for number in row if not number.difference}
        if "maxboxacc_v2" in cells and all(part in cells for part in PARTS):
            yield from _compared(cells["maxboxacc_v2"], [cells[part] for part in PARTS], "the mean of its parts")


def _compared(printed: Number, parts: Iterable[Number], what: str) -> Iterator[Finding]:
    cells = list(parts)
    mean = sum(number.value for number in cells) / len(cells)
    if abs(mean - printed.value) > unit_in_last_place([printed, *cells]) + SLACK:
        yield Finding(
            check="means",
            strength="arithmetic",
            numbers=(printed, *cells),
            says=f"{place(printed)}: {what} is printed as {printed.shown} ({printed.label}), and its cells "
            f"{listed(number.shown for number in cells)} have the mean {mean:.{max(2, printed.digits)}f}.",
        )
