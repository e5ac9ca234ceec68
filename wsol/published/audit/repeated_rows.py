"""Rows that stand twice, under another network, data set or name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, listed, place

FEWEST = 3  # equal numbers that no chance explains
ONE_METHOD = {"cam", "gradcam", "hirescam", "xgradcam", "elementwise", "lafam", "ablationcam"}  # on networks with GAP


@check("repeated_rows", about="the same numbers for another network, data set or system")
def repeated_rows(numbers: Sequence[Number]) -> Iterator[Finding]:
    """Three or more equal numbers under two names: one is likely a copy.

    Looked for within a table, since tables quote each other. Left out are methods that are one by algebra at the last
    layer of a network that ends in global average pooling (CAM, Grad-CAM, HiResCAM, XGrad-CAM).
    """
    plain = [n for n in numbers if not n.difference and not n.is_mean and n.system != "center"]
    rows: dict[tuple[object, ...], list[list[Number]]] = {}
    for _, row in grouped(plain, lambda number: number.subject):
        if len(row) >= FEWEST:
            rows.setdefault(tuple(sorted((n.metric, n.value) for n in row)), []).append(row)
    for alike in rows.values():
        for table, here in grouped(alike, lambda row: row[0].table):
            names = dict.fromkeys(place(row[0]) for row in here)
            systems = {row[0].system for row in here}
            if len(names) < 2 or (len(systems) > 1 and systems <= ONE_METHOD):
                continue
            elsewhere = listed(row[0].table for row in alike if row[0].table != table)
            yield Finding(
                check="repeated_rows",
                strength="chance",
                numbers=tuple(number for row in here for number in row),
                says=f"{listed(number.shown for number in here[0])} stand for {' and for '.join(names)} in {table}"
                f"{f', and once in {elsewhere}' if elsewhere else ''}.",
            )
