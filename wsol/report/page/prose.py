"""The page's words: what was run, the notes under the table, and everything needed to run it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.lines import run_fields
from wsol.report.tables.footer import footer
from wsol.report.tables.overview import TIMED_APART, in_full, marks_of
from wsol.report.tables.table import BEST, TIED
from wsol.report.tables.text import LOST, interval, number

if TYPE_CHECKING:
    from wsol.report.numbers.report_data import ReportData


def introduction(data: ReportData) -> str:
    """A sentence on the run."""
    fields, manifest = run_fields(data.summary), data.summary.manifest
    best = data.lines[0]
    key = data.headline
    text = (
        f"{len(data.lines)} variants of {len({v.method for v in data.variants.values()})} methods on "
        f"{manifest.get('images', '?')} images, network <b>{escape(fields['model'])}</b> "
        f"with weights <b>{escape(fields['weights'])}</b>."
    )
    if key and key in best.cells:
        cell = best.cells[key]
        value = f"{number(cell.value, cell.digits)} {interval(cell.low, cell.high, cell.digits)}"
        text += f" Highest {escape(in_full(cell, data.summary.measures))}: {escape(best.name)}, {value}."
    return f"<p>{text}</p>"


def notes(data: ReportData) -> str:
    """The lines under the table."""
    meanings = marks_of(data.lines, data.keys)
    marks = [f"Bold: {meanings[BEST]}", f"<sup>1</sup> {meanings[TIED]}"]
    marks.append("Whiskers under the numbers: the interval within the column’s range.")
    marks += [f"{LOST} {meanings[LOST]}"] if meanings[LOST] else []
    marks += [f"{TIMED_APART} {meanings[TIMED_APART]}"] if data.summary.timed_apart else []
    lines = footer([data.summary], data.lines, data.keys)
    return "".join(f"<p>{line}</p>" for line in [*marks, *map(escape, lines)])


def settings(data: ReportData) -> str:
    """Identity, protocols, metrics, variants and versions as description lists."""
    manifest, summary = data.summary.manifest, data.summary
    parts = [
        _block(
            "Run", {**manifest.get("identity", {}), "images": manifest.get("images"), "shards": manifest.get("shards")}
        )
    ]
    parts += [_block(f"Protocol {name}", protocol.knobs) for name, protocol in summary.protocols.items()]
    parts += [
        _block(f"Metric {name}", {"metric": metric.key, "sample": metric.sample or "all", **metric.options})
        for name, metric in summary.metrics.items()
    ]
    parts.append(_block("Environment", manifest.get("versions", {})))
    return f'<div class="blocks">{"".join(parts)}</div>{_variants(data)}'


def _block(title: str, pairs: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(_in_words(v))}</dd>" for k, v in pairs.items())
    return f"<details open><summary>{escape(title)}</summary><dl>{rows}</dl></details>"


def _variants(data: ReportData) -> str:
    heads = ("Variant", "Layers in the network", "Options that differ", "Cost", "Source")
    rows = []
    for about in data.variants.values():
        options = ", ".join(f"{k}={_in_words(v)}" for k, v in about.options.items())
        values = (", ".join(about.modules), options, about.cost, about.paper)
        cells = (f'<td data-label="{h}">{escape(v)}</td>' for h, v in zip(heads[1:], values, strict=True))
        rows.append(f'<tr><th scope="row">{escape(about.id)}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    return (
        '<details open><summary>Variants</summary><div class="wide"><table class="plain">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _in_words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(text for v in value if (text := _in_words(v)))
    if isinstance(value, dict):
        return json.dumps(value)
    return "none" if value is None else str(value)
