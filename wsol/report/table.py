"""A summary as a table: rich on a terminal, else Markdown, CSV, LaTeX or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from typing import TYPE_CHECKING, Literal, TextIO, get_args

from rich import box
from rich.console import Console
from rich.table import Table

from wsol.errors import ConfigError, unknown
from wsol.report.plain import markdown

if TYPE_CHECKING:
    from wsol.report.summary import Cell, Summary

Format = Literal["auto", "md", "csv", "tex", "json"]
SHOWN = {  # per-protocol numbers of the main table, in this order; the others are in csv and json
    "maxboxacc": 0,
    "maxboxacc_v2": 0,
    "gt_known_loc": 1,
    "top1_loc": 2,
    "top5_loc": 3,
}


def show(summary: Summary, stream: TextIO = sys.stdout, *, style: Format = "auto") -> None:
    """Print a summary."""
    if style not in get_args(Format):
        raise unknown("format", style, get_args(Format), error=ConfigError)
    if style == "json":
        json.dump(summary.records(), stream, indent=1)
        stream.write("\n")
    elif style == "csv":
        stream.write(as_csv(summary))
    elif style == "tex":
        stream.write(as_latex(summary))
    elif style == "auto" and stream.isatty():
        _rich(summary, stream)
    else:
        heads, lines = grid(summary)
        stream.write(markdown(heads, lines, right=range(1, len(heads))) + "\n\n" + "\n".join(footer(summary)) + "\n")


def grid(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """Heads and text cells: one line a variant, one column a number of the main table."""
    columns = _columns(summary)
    by_place = {(c.variant, c.measure, c.metric): c for c in summary.cells}
    several = len({m for m, _ in columns if m in summary.protocols}) > 1
    heads = ["variant"]
    for measure, metric in columns:
        label = next(c.label for c in summary.cells if (c.measure, c.metric) == (measure, metric))
        short = measure.removeprefix("choe2020_").upper() if measure.startswith("choe2020_v") else measure
        own = label in ("MaxBoxAccV2",) or (label == "MaxBoxAcc" and measure == "choe2020_v1")
        heads.append(f"{label} ({short})" if several and measure in summary.protocols and not own else label)
    heads += ["F + B", "ms", "n"]
    lines = []
    for key, about in summary.variants.items():
        cells = [by_place.get((key, measure, metric)) for measure, metric in columns]
        cost = summary.costs[key]
        sizes = sorted({c.n for c in cells if c is not None}, reverse=True)
        spent = f"{_plain(cost['forwards'] + cost['partial_forwards'])} + {_plain(cost['backwards'])}"
        lines.append(
            [about["id"], *(text(c) for c in cells), spent, _plain(cost["ms"]), "/".join(str(n) for n in sizes)]
        )
    return heads, lines


def text(cell: Cell | None) -> str:
    """``58.9 [55.7, 62.1]``, percentages with one digit, others with three."""
    if cell is None or math.isnan(cell.value):
        return ""
    digits = 1 if cell.percent else 3
    if cell.low == cell.high == cell.value:
        return f"{cell.value:.{digits}f}"
    return f"{cell.value:.{digits}f} [{cell.low:.{digits}f}, {cell.high:.{digits}f}]"


def footer(summary: Summary) -> list[str]:
    """What a reader must know to compare: data, network, weights, protocols, versions, and what the intervals are."""
    identity = summary.manifest["identity"]
    lines = [
        f"{identity['dataset']} ({summary.manifest['images']} images), {identity['model']}, weights {identity['weights']}.",
        "Percentages, except areas under deletion and insertion curves (0 to 1). [95 % bootstrap interval over images, the best "
        "threshold chosen again in each replicate].",
    ]
    taken = {
        cell.tau_from for cell in summary.cells if cell.tau_from
    }
    lines.append(
        f"Protocols: {', '.join(n for n in summary.protocols)}; threshold: {'; '.join(sorted(taken)) or '-'}. "
        "F + B: forwards (partial ones included) + backwards an image."
    )
    versions = summary.manifest.get("versions", {})
    lines.append(" ".join(f"{k} {versions[k]}" for k in ("wsol", "torch", "numpy") if k in versions) + f". Run {summary.run}.")
    return lines


def as_csv(summary: Summary) -> str:
    """One line a number, all of them."""
    out = io.StringIO()
    records = summary.records()
    writer = csv.DictWriter(out, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in record.items()})
    return out.getvalue()


def as_latex(summary: Summary) -> str:
    """A booktabs table."""
    heads, lines = grid(summary)
    rows = [" & ".join(_tex(c) for c in line) + r" \\" for line in lines]
    head = " & ".join(_tex(h) for h in heads) + r" \\"
    notes = "\n".join(f"% {line}" for line in footer(summary))
    spec = "l" + "r" * (len(heads) - 1)
    body = "\n".join([rf"\begin{{tabular}}{{{spec}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"])
    return f"{notes}\n{body}\n"


def _columns(summary: Summary) -> list[tuple[str, str]]:
    places = list(dict.fromkeys((c.measure, c.metric) for c in summary.cells))
    swept = {m for m, knobs in summary.protocols.items() if knobs["tau"] == "sweep"}
    shown: list[tuple[str, str]] = []
    for name in summary.protocols:
        own = sorted((p for p in places if p[0] == name and p[1] in SHOWN), key=lambda p: SHOWN[p[1]])
        # GT-known Loc at the best threshold is MaxBoxAcc at 0.5: said once where that is the headline
        headline_is_half = ("maxboxacc") in {m for _, m in own}
        shown += [p for p in own if not (p[1] == "gt_known_loc" and name in swept and headline_is_half)]
    return shown + [p for p in places if p[0] not in summary.protocols and p[0] != "classification"]


def _rich(summary: Summary, stream: TextIO) -> None:
    heads, lines = grid(summary)
    table = Table(box=box.SIMPLE_HEAD)
    for n, head in enumerate(heads):
        table.add_column(head, justify="right" if n else "left", overflow="fold")
    for line in lines:
        table.add_row(*line)
    console = Console(file=stream)
    console.print(table)
    for note in footer(summary):
        console.print(note, style="dim", highlight=False)


def _plain(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _tex(value: str) -> str:
    for plain, escaped in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("#", r"\#")):
        value = value.replace(plain, escaped)
    return value
