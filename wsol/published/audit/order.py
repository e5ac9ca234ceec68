"""Numbers of one row that can't be in this order: Top-1 above Top-5, Top-5 above GT-known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, place

ORDERS = (  # the first is at most the second, for any maps, classes and threshold
    ("top1_loc", "top5_loc"),
    ("top5_loc", "gt_known_loc"),
    ("top1_loc", "gt_known_loc"),
    ("top1_loc", "top1_cls"),
    ("top5_loc", "top5_cls"),
    ("top1_cls", "top5_cls"),
    ("maxboxacc@70", "maxboxacc@50"),
    ("maxboxacc@50", "maxboxacc@30"),
)
SLACK = 1e-9


@check("order", about="Top-1 above Top-5 or GT-known, Loc above Cls, a higher IoU threshold above a lower one")
def order(numbers: Sequence[Number]) -> Iterator[Finding]:
    """A hit among the first class is one among the first five, and a hit whatever the class.

    Rounding keeps an order; so only numbers of different decimals get the slack of their last place.
    """
    for _, row in grouped([n for n in numbers if not n.difference and not n.is_mean], lambda number: number.subject):
        cells = {number.metric: number for number in row}
        reported: set[str] = set()
        for lower, upper in ORDERS:
            if lower not in cells or upper not in cells or lower in reported:
                continue
            low, high = cells[lower], cells[upper]
            coarse = min(low.digits, high.digits)
            slack = 0.0 if low.digits == high.digits else 0.5 * 10.0**-coarse
            if low.value > high.value + slack + SLACK:
                reported.add(lower)
                swapped = " Swapped?" if (lower, upper) == ORDERS[0] else ""
                yield Finding(
                    check="order",
                    strength="arithmetic",
                    numbers=(low, high),
                    says=f"{place(low)}: {low.label} {low.shown} is above {high.label} {high.shown}, which it is a "
                    f"part of.{swapped}",
                )
