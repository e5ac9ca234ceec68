"""A made-up run of six variants, and its tables as text."""

from __future__ import annotations

import io

from wsol.report.numbers.choose import Choice
from wsol.report.numbers.summary import Summary
from wsol.report.tables.show import Layout, show

QUALITY = {
    "fullbox": -0.5,
    "gradcam@stage4": -0.25,
    "gradcam@stage5": 0.0,
    "xgradcam@stage5": "gradcam@stage5",
    "layercam@stage5": 0.01,
    "layercam@stage4+stage5[gamma=2]": 0.3,
}


def printed(
    summaries: Summary | list[Summary], style: str = "md", layout: Layout | None = None, **choice: object
) -> str:
    stream = io.StringIO()
    layout = layout or Layout(choice=Choice(**choice))  # type: ignore[arg-type]
    show(summaries, stream, style=style, layout=layout)
    return stream.getvalue()


def body(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
