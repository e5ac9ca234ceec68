"""A table on a terminal: what fits stands on one line, what does not is named below."""

from __future__ import annotations

import io
import re

import pytest

from tests.report.printing import body, printed
from wsol.report.numbers.summary import Summary
from wsol.report.tables.render import write
from wsol.report.tables.show import show
from wsol.report.tables.table import Column, Entry, Table, words


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(table: Table | Summary, columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    if isinstance(table, Table):
        write(table, stream)
    else:
        show(table, stream)
    return re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()


def test_a_wide_terminal_shows_every_column_on_one_line(summary: Summary, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal(summary, 200, monkeypatch)
    (first,) = (line for line in lines if "layercam@stage4+5[gamma=2]" in line)
    shown = re.split(r" {2,}", first.strip())
    expected = [cell.strip("*¹ ") for cell in body(printed(summary))[1]]
    assert [cell.strip("¹") for cell in shown] == expected
    assert not any("Left out" in line for line in lines)


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_no_line_of_the_table_is_wider_than_the_terminal_and_none_is_folded(
    summary: Summary, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = on_terminal(summary, columns, monkeypatch)
    table = lines[: lines.index("")]
    assert max(map(len, table)) <= columns
    heads, rules = 2, [line for line in table if set(line) <= {"─"}]
    assert len(table) == heads + len(rules) + 6  # one line per variant
    assert "MaxBoxAcc" in table[0]


def test_columns_are_left_out_in_the_order_that_is_said_and_the_ranking_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [
        Column("variant", numeric=False),
        Column("main", drop=0),
        Column("early", drop=2),
        Column("late", drop=1),
    ]
    columns.append(Column("also early", drop=2))
    table = Table(columns=columns, rows=[words("layercam@stage5", "58.3", "1.0", "2.0", "3.0")])
    for width, left_out in ((60, ""), (40, "also early"), (30, "also early, early"), (22, "also early, early, late")):
        lines = on_terminal(table, width, monkeypatch)
        said = " ".join(" ".join(lines[lines.index("") :]).split())
        assert ("Left out" in said) == bool(left_out)
        assert f"in this order: {left_out}. " in said or not left_out
        assert lines[0].split()[:2] == ["variant", "main"]


def test_an_entry_that_spans_reaches_over_empty_ones_and_widens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [Column("v", numeric=False), Column("a"), Column("b"), Column("ms")]
    twin = [*words("cam"), Entry("= gradcam@stage5", spans=True), Entry(), *words("2")]
    table = Table(columns=columns, rows=[words("x", "10.0", "20.0", "1"), twin])
    lines = on_terminal(table, 80, monkeypatch)
    assert lines[2] == "x    10.0  20.0   1"
    assert lines[3] == "cam  = gradcam…   2"
