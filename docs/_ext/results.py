"""Committed tables of `results/`, read when the site is built."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache

from .markdown import ROOT, table

RESULTS = ROOT / "results"
Row = dict[str, str]


@cache
def numbers(name: str) -> tuple[Row, ...]:
    """Every number of a measured table, one row each, from its CSV file."""
    with (RESULTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def printed(name: str) -> tuple[Row, ...]:
    """The table as it is printed: the first one of the Markdown file, a mapping from head to cell for each line."""
    lines = [line for line in (RESULTS / f"{name}.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return tuple(dict(zip(cells[0], line, strict=True)) for line in cells[2:])


def excerpt(name: str, columns: Sequence[str], *, variants: Sequence[str] = ()) -> str:
    """Some columns of a printed table as Markdown, and of its variants those named, in the order of the table."""
    rows = [row for row in printed(name) if not variants or row["variant"] in variants]
    return table(columns, [[row[column] for column in columns] for row in rows], numbers=len(columns) - 1)


def measured(name: str, method: str, metrics: Sequence[tuple[str, str]]) -> list[list[str]]:
    """For each variant of a method: its name, then each (protocol, metric) with its 95 % interval."""
    found: dict[str, dict[tuple[str, str], Row]] = {}
    for row in numbers(name):
        if row["method"] == method and not row["slice"]:
            found.setdefault(row["variant"], {}).setdefault((row["protocol"], row["metric"]), row)
    return [
        [f"`{variant}`", *(_interval(values[which]) if which in values else "" for which in metrics)]
        for variant, values in found.items()
    ]


def _interval(row: Row) -> str:
    low, high = (f" [{float(row['low']):.0f}, ", f"{float(row['high']):.0f}]") if row["low"] else ("", "")
    return f"{float(row['value']):.1f}{low}{high}"
