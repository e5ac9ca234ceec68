"""From stored rows to numbers, tables, figures, a page and exports; loads no torch and no method.

Rooms, each importing only those before it: `numbers` (rows to quantities), `tables` (one record, thin renderers),
`figures`, `page`; and `export`, which needs `numbers` alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsol.report.export.coco import coco_files
    from wsol.report.export.frame import frame
    from wsol.report.figures.write import write_figures
    from wsol.report.numbers.choose import Choice
    from wsol.report.numbers.report_data import ReportData
    from wsol.report.numbers.summary import Settings, Summary, summarize
    from wsol.report.page.html import page
    from wsol.report.tables.render import write
    from wsol.report.tables.show import Layout, show
    from wsol.report.tables.table import Table

__all__ = [
    "Choice",
    "Layout",
    "ReportData",
    "Settings",
    "Summary",
    "Table",
    "coco_files",
    "frame",
    "page",
    "show",
    "summarize",
    "write",
    "write_figures",
]

_HOMES = {
    "wsol.report.export.coco": ("coco_files",),
    "wsol.report.export.frame": ("frame",),
    "wsol.report.figures.write": ("write_figures",),
    "wsol.report.numbers.choose": ("Choice",),
    "wsol.report.numbers.report_data": ("ReportData",),
    "wsol.report.numbers.summary": ("Settings", "Summary", "summarize"),
    "wsol.report.page.html": ("page",),
    "wsol.report.tables.render": ("write",),
    "wsol.report.tables.show": ("Layout", "show"),
    "wsol.report.tables.table": ("Table",),
}


def __getattr__(name: str) -> Any:
    """Each name's module is imported when it is asked for: a table needs no pandas, and numbers need no renderer."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'wsol.report' has no attribute {name!r}")
