"""From stored rows to numbers, tables, figures, a page and exports; loads no torch and no method.

Rooms, each importing only those before it: `numbers` (rows to quantities), `tables` (one record, thin renderers),
`figures`, `page`; and `export`, which needs `numbers` alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsol.report.export.coco import coco_files as coco_files
    from wsol.report.export.frame import frame as frame
    from wsol.report.figures.write import write_figures as write_figures
    from wsol.report.numbers.choose import Choice as Choice
    from wsol.report.numbers.report_data import ReportData as ReportData
    from wsol.report.numbers.settings import Settings as Settings
    from wsol.report.numbers.summary import Summary as Summary
    from wsol.report.numbers.summary import summarize as summarize
    from wsol.report.page.html import render_page as render_page
    from wsol.report.tables.render import write as write
    from wsol.report.tables.show import Layout as Layout
    from wsol.report.tables.show import show as show
    from wsol.report.tables.table import Table as Table

_HOMES = {
    "Choice": "numbers.choose",
    "Layout": "tables.show",
    "ReportData": "numbers.report_data",
    "Settings": "numbers.summary",
    "Summary": "numbers.summary",
    "Table": "tables.table",
    "coco_files": "export.coco",
    "frame": "export.frame",
    "render_page": "page.html",
    "show": "tables.show",
    "summarize": "numbers.summary",
    "write": "tables.render",
    "write_figures": "figures.write",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Each name's module is imported when it is asked for: a table needs no pandas, and numbers need no renderer."""
    if name not in _HOMES:
        raise AttributeError(f"module 'wsol.report' has no attribute {name!r}")
    return getattr(importlib.import_module(f"wsol.report.{_HOMES[name]}"), name)
