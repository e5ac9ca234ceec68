"""A table written out: for terminals, Markdown, LaTeX, HTML, spreadsheets and programs."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TextIO

from wsol.errors import ConfigError, unknown
from wsol.report.tables.table import Column, Entry, Table, table_of
from wsol.report.tables.text import inert, one_line

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
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "Δ": r"$\Delta$",
    "−": r"$-$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def write(table: Table, stream: TextIO | None = None, *, style: str = "auto") -> None:
    """Write a table to a stream, stdout by default: ``auto`` fits a terminal, and is Markdown elsewhere."""
    check_format(style)
    out = stream or sys.stdout
    if style == "auto" and out.isatty():
        from wsol.report.tables.terminal import as_terminal  # rich comes with it

        as_terminal(table, out)
    else:
        out.write(FORMATS[style](table))


def check_format(style: str) -> None:
    """Raise ConfigError, with the nearest name, for a format that isn't there."""
    if style not in FORMATS:
        raise unknown("format", style, FORMATS, error=ConfigError)


def print_table(rows: Sequence[Mapping[str, Any]], stream: TextIO | None = None) -> None:
    """Rows of equal keys as a table."""
    if rows:
        write(table_of(rows), stream)


def as_markdown(table: Table) -> str:
    """A GitHub table that reads as text too, and the notes."""
    marked = [any(row[n].signs for row in table.rows) for n in range(len(table.columns))]
    lines = [[_markdown(column.flat) for column in table.columns]]
    for row in table.rows:
        cells = [f"**{_markdown(e.text)}**" if e.bold else _markdown(e.text) for e in row]
        # the others of a marked column get a blank, so that numbers stay below each other
        signs = [e.signs or (" " if mark else "") for e, mark in zip(row, marked, strict=True)]
        lines.append([cell + sign for cell, sign in zip(cells, signs, strict=True)])
    widths = [max(3, *(len(line[n]) for line in lines)) for n in range(len(table.columns))]  # rules need three
    aligned = [
        [v.rjust(w) if c.numeric else v.ljust(w) for v, w, c in zip(line, widths, table.columns, strict=True)]
        for line in lines
    ]
    rule = [("-" * (w - 1) + ":") if c.numeric else "-" * w for w, c in zip(widths, table.columns, strict=True)]
    head, *body = (f"| {' | '.join(line)} |" for line in [aligned[0], rule, *aligned[1:]])
    return "\n".join([head, *body, *(["", *map(_plain, table.legend)] if table.legend else [])]) + "\n"


def as_json(table: Table) -> str:
    """The numbers as a list of plain objects."""
    return json.dumps(table.records, indent=1) + "\n"


def as_csv(table: Table) -> str:
    """One line per number (or per row); lists and mappings as JSON."""
    out, records = io.StringIO(), table.records
    names = list(dict.fromkeys(k for record in records for k in record))
    writer = csv.DictWriter(out, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({k: json.dumps(v) if isinstance(v, dict | list) else inert(v) for k, v in record.items()})
    return out.getvalue()


def as_latex(table: Table) -> str:
    r"""A booktabs table (``\usepackage{booktabs}``); groups get a line of their own; the notes are comments."""
    spec = "".join("r" if column.numeric else "l" for column in table.columns)
    out = [f"% {note}" for note in table.legend] + [rf"\begin{{tabular}}{{{spec}}}", r"\toprule"]
    if any(column.group for column in table.columns):
        titles, rules, first = [], [], 1
        for group, width in _groups(table.columns):
            titles.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}")
            rules += [rf"\cmidrule(lr){{{first}-{first + width - 1}}}"] if group else []
            first += width
        out += [" & ".join(titles) + r" \\", "".join(rules)]
    out += [" & ".join(tex(column.head) for column in table.columns) + r" \\", r"\midrule"]
    for n, row in enumerate(table.rows):
        out += [r"\midrule"] if n in table.rules else []
        out.append(" & ".join(_latex(entry) for entry in row) + r" \\")
    return "\n".join([*out, r"\bottomrule", r"\end{tabular}"]) + "\n"


def as_html(table: Table) -> str:
    """A table element with the notes below, to be pasted into a page."""
    sides = ["right" if column.numeric else "left" for column in table.columns]
    out = ['<table class="wsol">', "<thead>"]
    if any(column.group for column in table.columns):
        cells = (
            f'<th colspan="{width}" scope="colgroup">{html.escape(group)}</th>'
            if group
            else f'<td colspan="{width}"></td>'
            for group, width in _groups(table.columns)
        )
        out.append(f"<tr>{''.join(cells)}</tr>")
    heads = (
        f'<th scope="col" style="text-align:{side}">{html.escape(column.head)}</th>'
        for side, column in zip(sides, table.columns, strict=True)
    )
    out += [f"<tr>{''.join(heads)}</tr>", "</thead>", "<tbody>"]
    for row in table.rows:
        cells = (f'<td style="text-align:{side}">{_html(entry)}</td>' for side, entry in zip(sides, row, strict=True))
        out.append(f"<tr>{''.join(cells)}</tr>")
    out += ["</tbody>", "</table>", *(f"<p>{html.escape(note)}</p>" for note in table.legend)]
    return "\n".join(out) + "\n"


def tex(value: str) -> str:
    """Text as LaTeX prints it."""
    return re.sub("|".join(re.escape(c) for c in TEX), lambda match: TEX[match[0]], value)


def _groups(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """Neighbors of one group, and how many they are."""
    return [(group, len(list(span))) for group, span in groupby(columns, key=lambda column: column.group)]


def _latex(entry: Entry) -> str:
    # "=" opens nothing, but stays away from the column rule; "[" and "*" behind a line's end would be its options
    value = re.sub(r"^([=\[*])", r"{\1}", tex(entry.text))
    return (rf"\textbf{{{value}}}" if entry.bold else value) + tex(entry.signs)


def _markdown(text: str) -> str:
    """A cell: no markup, link or column can begin in it."""
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    r"""Text in Markdown that no HTML or link begins in: ``<b>`` is ``\<b>``, but ``<0.001`` stays."""
    return re.sub(r"<(?=[A-Za-z/!?])|(?<=\])(?=\()", lambda match: f"\\{match[0]}", one_line(text))


def _html(entry: Entry) -> str:
    value = html.escape(entry.text)
    value = f"<strong>{value}</strong>" if entry.bold else value
    return value + (f"<sup>{html.escape(entry.signs)}</sup>" if entry.signs else "")


FORMATS: dict[str, Callable[[Table], str]] = {
    "auto": as_markdown,
    "md": as_markdown,
    "csv": as_csv,
    "tex": as_latex,
    "html": as_html,
    "json": as_json,
}
