"""Names of somebody else's are text in every format: no markup, link or formula begins in them."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest

from wsol.report.tables.render import FORMATS
from wsol.report.tables.table import Table, table_of
from wsol.report.tables.text import inert

SCRIPT = "<script>alert(1)</script>"


def table(text: str) -> Table:
    return table_of([{"variant": text, "n": 3}])


@pytest.mark.parametrize("text", [SCRIPT, "<img src=x onerror=alert(1)>", "<!-- x", "</td>"])
def test_no_markup_begins_in_markdown_and_html(text: str) -> None:
    assert not re.search(r"(?<!\\)<[a-z/!]", FORMATS["md"](table(text)))
    assert f">{html.escape(text)}</td>" in FORMATS["html"](table(text))


def test_no_link_row_or_column_begins_in_markdown() -> None:
    written = FORMATS["md"](table("[x](javascript:alert(1)) | y\n| z |"))
    assert "](" not in written
    assert len(written.splitlines()) == 3
    assert written.splitlines()[2].replace("\\|", "").count("|") == 3


def test_numbers_below_a_bound_read_as_before() -> None:
    assert "| <0.001 " in FORMATS["md"](table("<0.001"))
    assert "gradcam@stage5[gamma=2]" in FORMATS["md"](table("gradcam@stage5[gamma=2]"))


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\tx"])
def test_no_formula_begins_in_csv(text: str) -> None:
    rows = list(csv.reader(io.StringIO(FORMATS["csv"](table(text)), newline="")))
    assert rows[1] == [f"'{text}", "3"]


def test_a_cell_is_one_line() -> None:
    assert FORMATS["csv"](table("a\r\n=1\rb")) == "variant,n\na =1 b,3\n"


def test_numbers_stay_numbers() -> None:
    assert [inert(value) for value in (-0.5, 3, None, True, "layercam", "")] == [-0.5, 3, None, True, "layercam", ""]
