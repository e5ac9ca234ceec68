"""The page's words: what was run, the notes under the table, and everything needed to run it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.lines import run_fields
from wsol.report.tables.footer import footer
from wsol.report.tables.grid import LOST, lost_images
from wsol.report.tables.names import number

if TYPE_CHECKING:
    from wsol.report.page.data import Material


def introduction(material: Material) -> str:
    """A sentence on the run."""
    fields, manifest = run_fields(material.summary), material.summary.manifest
    best = material.lines[0]
    key = material.headline
    said = (
        f"{len(material.lines)} variants of {len({v.method for v in material.variants.values()})} methods on "
        f"{manifest.get('images', '?')} images, network <b>{escape(fields['model'])}</b> "
        f"with weights <b>{escape(fields['weights'])}</b>."
    )
    if key and key in best.cells:
        cell = best.cells[key]
        digits = cell.digits
        value = f"{number(cell.value, digits)} [{number(cell.low, digits)}, {number(cell.high, digits)}]"
        said += f" Highest {escape(cell.label)} ({escape(key[0])}): {escape(best.name)}, {value}."
    return f"<p>{said}</p>"


def notes(material: Material) -> str:
    """The lines under the table."""
    marks = (
        "Bold: significantly better than all others. <sup>1</sup> not significantly worse than the best; a column "
        "without marks has no significant difference to its best (paired tests on the same images, Holm-corrected, "
        "5 %). Whiskers under the numbers: the interval within the column’s range."
    )
    lines = footer([material.summary], material.lines, material.keys)
    lines += [LOST.format(k, n) for k, n in lost_images(material.lines, material.keys)]
    return f"<p>{marks}</p>" + "".join(f"<p>{escape(line)}</p>" for line in lines)


def settings(material: Material) -> str:
    """Identity, protocols, metrics, variants and versions as description lists."""
    manifest, summary = material.summary.manifest, material.summary
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
    return f'<div class="blocks">{"".join(parts)}</div>{_variants(material)}'


def _block(title: str, pairs: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(_said(v))}</dd>" for k, v in pairs.items())
    return f"<details open><summary>{escape(title)}</summary><dl>{rows}</dl></details>"


def _variants(material: Material) -> str:
    heads = ("Variant", "Layers in the network", "Options that differ", "Cost", "Source")
    rows = []
    for about in material.variants.values():
        options = ", ".join(f"{k}={_said(v)}" for k, v in about.options.items())
        rows.append([about.id, ", ".join(about.modules), options, about.cost, about.paper])
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    return (
        '<details open><summary>Variants</summary><div class="wide"><table class="plain">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _cells(row: Iterable[str]) -> str:
    first, *rest = row
    return f'<th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(value)}</td>" for value in rest)


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(said for v in value if (said := _said(v)))
    if isinstance(value, dict):
        return json.dumps(value)
    return "none" if value is None else str(value)
