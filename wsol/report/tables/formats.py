"""A grid written out: for terminals, Markdown, LaTeX, HTML and spreadsheets."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TextIO, get_args

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from wsol.errors import ConfigError, unknown
from wsol.report.tables.plain import markdown

if TYPE_CHECKING:
    from wsol.report.tables.grid import Grid, Head, Text

Format = Literal["auto", "md", "csv", "tex", "html", "json"]
TIED = "¹"

TEX = {  # what LaTeX would read as its own, or lacks in text mode
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "¹": r"\textsuperscript{1}",
    "Δ": r"$\Delta$",
    "−": r"$-$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def check_format(style: str) -> None:
    """Raise ConfigError, with the nearest name, for a format that isn't there."""
    if style not in get_args(Format):
        raise unknown("format", style, get_args(Format), error=ConfigError)


def write(grid: Grid, stream: TextIO, *, style: str = "auto") -> None:
    """Write a grid: ``auto`` is rich on a terminal and Markdown elsewhere."""
    check_format(style)
    if style == "auto" and stream.isatty():
        _rich(grid, stream)
        return
    writer = {"tex": as_latex, "html": as_html, "csv": as_csv}.get(style, as_markdown)
    stream.write(writer(grid))


def as_markdown(grid: Grid) -> str:
    """A GitHub table that reads as text too, and the notes."""
    right = [n for n, head in enumerate(grid.heads) if head.numeric]
    marks = _marked(grid)
    lines = [[_plain(text, mark) for text, mark in zip(line, marks, strict=True)] for line in grid.lines]
    table = markdown([head.flat for head in grid.heads], lines, right=right)
    return "\n".join([table, *(["", *grid.notes] if grid.notes else [])]) + "\n"


def as_csv(grid: Grid) -> str:
    """The grid itself, without marks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([head.flat for head in grid.heads])
    writer.writerows([[text.value for text in line] for line in grid.lines])
    return out.getvalue()


def as_latex(grid: Grid) -> str:
    r"""A booktabs table (``\usepackage{booktabs}``); groups get a line of their own; the notes are comments."""
    spec = "".join("r" if head.numeric else "l" for head in grid.heads)
    out = [f"% {note}" for note in grid.notes] + [rf"\begin{{tabular}}{{{spec}}}", r"\toprule"]
    if any(head.group for head in grid.heads):
        out += _latex_groups(grid.heads)
    out.append(" & ".join(tex(head.label) for head in grid.heads) + r" \\")
    out.append(r"\midrule")
    for n, line in enumerate(grid.lines):
        out += [r"\midrule"] if n in grid.rules else []
        out.append(" & ".join(_latex(text) for text in line) + r" \\")
    return "\n".join([*out, r"\bottomrule", r"\end{tabular}"]) + "\n"


def as_html(grid: Grid) -> str:
    """A table element with the notes below, to be pasted into a page."""
    out = ['<table class="wsol">', "<thead>"]
    if any(head.group for head in grid.heads):
        cells = [
            f'<th colspan="{len(list(span))}" scope="colgroup">{html.escape(group)}</th>'
            for group, span in groupby(grid.heads, key=lambda head: head.group)
        ]
        out.append(f"<tr>{''.join(cells)}</tr>")
    out.append(f"<tr>{''.join(_html_head(head) for head in grid.heads)}</tr>")
    out += ["</thead>", "<tbody>"]
    for line in grid.lines:
        cells = [_html_cell(text, head) for text, head in zip(line, grid.heads, strict=True)]
        out.append(f"<tr>{''.join(cells)}</tr>")
    out += ["</tbody>", "</table>", *(f"<p>{html.escape(note)}</p>" for note in grid.notes)]
    return "\n".join(out) + "\n"


def tex(value: str) -> str:
    """Text as LaTeX prints it."""
    return re.sub("|".join(re.escape(c) for c in TEX), lambda found: TEX[found[0]], value)


def _latex_groups(heads: Sequence[Head]) -> list[str]:
    titles, rules, first = [], [], 1
    for group, span in groupby(heads, key=lambda head: head.group):
        width = len(list(span))
        titles.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}")
        rules += [rf"\cmidrule(lr){{{first}-{first + width - 1}}}"] if group else []
        first += width
    return [" & ".join(titles) + r" \\", "".join(rules)]


def _latex(text: Text) -> str:
    # "=" opens nothing, but stays away from the column rule; "[" and "*" behind a line's end would be its options
    value = re.sub(r"^([=\[*])", r"{\1}", tex(text.value))
    value = rf"\textbf{{{value}}}" if text.bold else value
    return value + (rf"{TEX[TIED]}" if text.tied else "")


def _html_head(head: Head) -> str:
    side = "right" if head.numeric else "left"
    return f'<th scope="col" style="text-align:{side}">{html.escape(head.label)}</th>'


def _html_cell(text: Text, head: Head) -> str:
    value = html.escape(text.value)
    value = f"<strong>{value}</strong>" if text.bold else value
    value += "<sup>1</sup>" if text.tied else ""
    return f'<td style="text-align:{"right" if head.numeric else "left"}">{value}</td>'


def _marked(grid: Grid) -> list[bool]:
    """Columns where some place is tied: the others there get a blank, so that numbers stay below each other."""
    return [any(line[n].tied for line in grid.lines) for n in range(len(grid.heads))]


def _plain(text: Text, marked: bool) -> str:
    value = f"**{text.value}**" if text.bold else text.value
    return value + (TIED if text.tied else " " if marked else "")


def _rich(grid: Grid, stream: TextIO) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in grid.heads:
        label = f"{head.label}\n{head.group}" if head.group else head.label
        table.add_column(
            label,
            justify="right" if head.numeric else "left",
            overflow="fold",
            vertical="bottom",
            no_wrap=not head.numeric,
        )
    marks = _marked(grid)
    for n, line in enumerate(grid.lines):
        if n in grid.rules:
            table.add_section()
        cells = [
            RichText(text.value + (TIED if text.tied else " " if mark else ""), style="bold" if text.bold else "")
            for text, mark in zip(line, marks, strict=True)
        ]
        table.add_row(*cells)
    console = Console(file=stream)
    console.print(table)
    for note in grid.notes:
        console.print(note, style="dim", highlight=False)
