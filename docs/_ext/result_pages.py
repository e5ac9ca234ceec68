"""The committed tables of results/, a page each, and the excerpt on the front page."""

from __future__ import annotations

from collections.abc import Iterator

from .markdown import link, prose, table
from .results import RESULTS, excerpt

FRONT = (  # of the 500 embedded test images: a few of each kind, controls last
    "gradcam_pp@stage5",
    "layercam@stage5",
    "gradcam@stage5",
    "cam@stage5",
    "centergauss",
    "fullbox",
)
COLUMNS = ("variant", "MaxBoxAcc V1", "Top-1 Loc V1", "MaxBoxAcc V2")


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page of results."""
    names = sorted(file.stem for file in RESULTS.glob("*.md") if file.stem != "README")
    for name in names:
        yield f"results/{name}", _text(name)
    rows = [[link("results", name), prose(_text(name).split("\n\n")[1].replace("\n", " "))] for name in names]
    yield "parts/results", table(["table", "what it shows"], rows) + "\n"
    yield "parts/front", excerpt("shapes_methods", COLUMNS, variants=FRONT) + "\n"


def _text(name: str) -> str:
    return (RESULTS / f"{name}.md").read_text(encoding="utf-8")
