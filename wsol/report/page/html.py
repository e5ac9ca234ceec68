"""One self-contained page of a run: table, plots, gallery and settings; nothing is loaded from anywhere."""

from __future__ import annotations

import json
import re
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.lines import run_fields
from wsol.report.numbers.report_data import ReportData
from wsol.report.numbers.settings import RESAMPLES
from wsol.report.page.payload import numbers, pack
from wsol.report.page.prose import introduction, notes, settings
from wsol.report.page.table import table_html
from wsol.runs import gallery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsol.runs.folder import RunFolder

# one script, in this order: what comes later uses what comes earlier
SCRIPTS = ("data", "dom", "table", "plot", "charts", "heat", "gallery", "detail", "app")


def render_page(
    folder: RunFolder, *, images: int | None = None, n_resamples: int = RESAMPLES, skip_failed: bool = False
) -> str:
    """The report of a run as HTML.

    Parameters
    ----------
    images : at most so many in the gallery.
    n_resamples : bootstrap replicates behind the intervals.
    skip_failed : leave failed images out; else they count as the worst value there is.
    """
    data = ReportData.of(folder, n_resamples=n_resamples, skip_failed=skip_failed)
    kept = gallery.read(folder)
    packed = pack(kept, data, images=images) if kept is not None else None
    fields = run_fields(data.summary)
    title = f"{fields['model']} on {fields['dataset']}"
    values = {**numbers(data), "run": folder.name, "gallery": packed.index if packed else None}
    return fill(
        _part("template.html"),
        {
            "title": escape(title),
            "introduction": introduction(data),
            "table": table_html(data),
            "notes": notes(data),
            "settings": settings(data),
            "made": escape(datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
            "run": escape(folder.name),
            "style": _part("style.css"),
            "script": "\n".join(_part(f"{name}.js") for name in SCRIPTS),
            "data": _json(values),
            "pictures": packed.pictures if packed else "",
            "maps": packed.maps if packed else "",
        },
    )


def fill(template: str, parts: Mapping[str, str]) -> str:
    """Put `parts` where the template says ``{{name}}``; what they contain is not filled in again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _json(data: Any) -> str:
    """JSON that a script element can hold: no markup can begin in it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


def _part(name: str) -> str:
    return (files("wsol.report.page") / "assets" / name).read_text(encoding="utf-8")
