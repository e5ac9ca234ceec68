"""Centre baselines that don't follow from the data: a centred box needs no network, so its number can be computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, place

ROUNDING = 0.05  # points by which boxes of one set, read by other code, may differ beyond a number's own rounding


@check("centre_baseline", about="centre baselines that differ from what boxes and image sizes give")
def centre_baseline(numbers: Sequence[Number]) -> Iterator[Finding]:
    """A centred Gaussian gives the same boxes on every installation, so what was measured binds what is printed.

    The measured numbers are benchmarks/centre_baseline.yaml, by the released evaluator on its own metadata.
    """
    centered = [n for n in numbers if n.system == "center" and not n.difference and n.n is not None]
    for _, cells in grouped(centered, lambda n: (n.dataset, n.n, n.metric)):
        measured = [n for n in cells if n.certainty == "measured"]
        if not measured:
            continue
        true = measured[0]
        wrong = [n for n in cells if abs(n.value - true.value) > ROUNDING + 0.5 * 10.0**-n.digits]
        for table, same in grouped(wrong, lambda n: (n.table, n.value)):
            yield Finding(
                check="centre_baseline",
                strength="arithmetic",
                numbers=(*same, true),
                says=f"{place(same[0])}: {same[0].label} is printed as {same[0].shown} in {table[0]}; the boxes of "
                f"these {true.n:,} images give {true.shown}.",
            )
