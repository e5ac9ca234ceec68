"""The same numbers as JSON, CSV, LaTeX and HTML."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.printing import printed
from wsol.errors import ConfigError
from wsol.report.numbers.summary import Summary
from wsol.report.tables.render import as_csv, as_latex, as_markdown
from wsol.report.tables.table import Column, Table, words


def test_json_lists_every_number_with_its_doubt(summary: Summary) -> None:
    found = json.loads(printed(summary, "json"))
    wanted = {"variant", "method", "layers", "options", "protocol", "metric", "value", "low", "high", "n", "tau", "run"}
    assert all(wanted <= set(one) for one in found)
    (fused,) = (
        one for one in found if one["variant"] == "layercam@stage4+stage5[gamma=2]" and one["metric"] == "maxboxacc"
    )
    assert fused["options"] == {"gamma": 2}
    assert 50 < fused["value"] <= 100
    assert fused["low"] <= fused["value"] <= fused["high"]
    twins = {one["same_as"] for one in found if one["variant"] == "xgradcam@stage5"}
    assert twins == {"gradcam@stage5"}


def test_csv_has_one_line_a_number(summary: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(summary, "csv"))))
    assert len(rows) == len(json.loads(printed(summary, "json")))
    assert json.loads(rows[-1]["options"]) == json.loads(printed(summary, "json"))[-1]["options"]


def test_latex_has_as_many_columns_in_every_line_and_nothing_left_to_escape(summary: Summary) -> None:
    tex = printed(summary, "tex")
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") == 1
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert rule in tex
    code = [line for line in tex.splitlines() if not line.startswith("%")]
    (spec,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", tex)
    lines = [line for line in code if line.endswith(r"\\")]
    groups = [line for line in lines if "multicolumn" in line]
    assert sum(int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", groups[0])) == len(spec)
    for line in lines:
        if line not in groups:
            assert len(re.findall(r"(?<!\\)&", line)) == len(spec) - 1
    text = "\n".join(code)
    assert not re.search(r"(?<!\\)[_%#]", text)
    assert text.isascii()
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


def test_latex_compiles_where_there_is_a_compiler(summary: Summary, tmp_path: Path) -> None:
    compiler = shutil.which("pdflatex") or shutil.which("tectonic")
    if compiler is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    text = printed(summary, "tex")
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\tiny\n"
    (tmp_path / "table.tex").write_text(f"{head}{text}\\end{{document}}\n")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in compiler else []
    done = subprocess.run([compiler, *options, "table.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "table.pdf").stat().st_size > 1000


def test_latex_takes_no_first_cell_for_an_option() -> None:
    table = Table(columns=[Column("layers")], rows=[words("[stage4, stage5]"), words("= cam"), words("*")])
    text = as_latex(table)
    assert "\n{[}stage4, stage5]" in text
    assert "\n{=} cam" in text
    assert "\n{*}" in text


def test_html_is_a_table_whose_tags_close(summary: Summary) -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.cells: dict[str, int] = {}

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.open.append(tag)
            self.cells[tag] = self.cells.get(tag, 0) + 1

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Reader()
    reader.feed(printed(summary, "html"))
    assert reader.open == []
    assert reader.cells["td"] == 6 * 11 + 2  # and those above columns of no protocol or metric
    assert "></th>" not in printed(summary, "html")  # an empty head is read aloud as nothing
    assert reader.cells["strong"] >= 1


def test_an_unknown_format_names_the_nearest(summary: Summary) -> None:
    with pytest.raises(ConfigError, match="no format 'latex'; nearest"):
        printed(summary, "latex")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "\\<script>alert(1)\\</script>"),
        ("<!-- x", "\\<!-- x"),
        ("[a](javascript:b)", "[a]\\(javascript:b)"),
        ("a|b\nc", "a\\|b c"),
        ("[55.7, 62.1]", "[55.7, 62.1]"),
        ("p < 0.05", "p < 0.05"),
    ],
)
def test_markdown_shows_names_and_runs_none_of_them(text: str, shown: str) -> None:
    made = as_markdown(Table(columns=[Column("a")], rows=[words(text)]))
    assert made.splitlines()[2] == f"| {shown.rjust(max(3, len(shown)))} |" or f"| {shown} |" in made


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd|x", "@SUM(A1)", "\tx"])
def test_no_cell_of_a_csv_file_is_a_formula(text: str) -> None:
    made = as_csv(
        Table(columns=[Column("a")], rows=[words(text)], numbers=[{"a": text, "b": -0.5, "c": "-0.5 [-1, 2]"}])
    )
    assert next(csv.reader(io.StringIO(made.partition("\n")[2]))) == [f"'{text}", "-0.5", "-0.5 [-1, 2]"]
