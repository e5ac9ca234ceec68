"""The audit audited: planted errors are found, and clean tables left alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.published.audit.planted import ERRORS, Made, clean, planted
from wsol.published.audit._base import Finding
from wsol.published.audit._read import own_findings

PLANTED, FOUND = 60, 55
CLEAN, FALSE_ALARMS = 200, 4


def findings(made: Made, file: Path) -> list[Finding]:
    file.write_text(made.csv(), encoding="utf-8")
    return own_findings([file], n=made.n)


def hit(made: Made, found: list[Finding]) -> bool:
    """Whether a finding is about a cell in which the error is."""
    places = {f"line {row + 2}, {column}" for row, column in made.at}
    return any(places & {number.cell for number in finding.numbers} for finding in found)


def test_planted_errors_are_found(tmp_path: Path) -> None:
    tables = planted(PLANTED)
    assert {table.error for table in tables} == {error.__name__ for error in ERRORS}
    missed = [table.error for table in tables if not hit(table, findings(table, tmp_path / "t.csv"))]
    assert len(missed) <= PLANTED - FOUND, Counter(missed)


def test_clean_tables_are_left_alone(tmp_path: Path) -> None:
    alarms = {}
    for seed in range(CLEAN):
        if found := findings(clean(seed), tmp_path / "t.csv"):
            alarms[seed] = [finding.says for finding in found]
    assert len(alarms) <= FALSE_ALARMS, alarms


def test_tables_are_the_same_at_every_run() -> None:
    assert [clean(seed).csv() for seed in (0, 7)] == [clean(seed).csv() for seed in (0, 7)]
    assert [made.csv() for made in planted(24)] == [made.csv() for made in planted(24)]
