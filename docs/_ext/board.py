"""The board: one self-contained page of every number in the result files of results/.

`make board` writes it into docs/board/, `make docs` into the site.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol import __version__
from wsol.report.export.result_file import Bound, ResultFile, Row, Variant, read_result
from wsol.report.numbers.names import short_layers
from wsol.report.page.html import fill

from .markdown import DOCS, write
from .results import RESULTS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PARTS = DOCS / "board"
SHARED = ("style.css", "dom.js")  # what the page of a report has, too
TAU_FROM = {
    "oracle": "best on these images",
    "split-half": "best on the other half of the images",
    "val": "best on other images",
    "per-image": "best of each image alone",
    "fixed": "fixed by the protocol",
}
NOTES = (
    "Intervals are 95 %, over images; lines under the numbers show them within the range of all that is listed. "
    "Percentages have one digit after the point, other numbers three; ↓ marks numbers of which lower is better.",
    "Floor: the best control under the same protocol on the same images. Ceiling: the oracle map of the same layers, "
    "which knows the ground truth; that nothing scores higher is not proved. Of reachable: the number as a share of "
    "that ceiling.",
    "Numbers that were chosen as the best of many are optimistic; wsol table widens the interval of the one it names.",
    "Rows: the fingerprint of the rows that a number was computed from. Equal fingerprints mean equal boxes, curves "
    "and values for every image.",
    "Recompute: one command, in an empty folder, prints the number again. make board-check does that for 20 random "
    "ones that need no download, and compares them to the last digit.",
    "Other people's results join by their result files: docs/board.md says how.",
)


def page(results: Sequence[Path] | None = None) -> str:
    """The board as HTML, from result files: those of results/ by default.

    Raises
    ------
    DataError : a file is not a result file.
    """
    places = sorted(RESULTS.glob("*.json")) if results is None else results
    known = {place.stem: read_result(place) for place in places}
    data = {"files": [_file(name, one) for name, one in known.items()], "tau_from": TAU_FROM}
    return fill(
        (PARTS / "template.html").read_text(encoding="utf-8"),
        {
            "style": "\n".join([_shared("style.css"), _own("board.css")]),
            "introduction": f"<p>{_introduction(list(known.values()))}</p>",
            "notes": "\n".join(f"<p>{escape(note)}</p>" for note in NOTES),
            "version": escape(__version__),
            "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
            "script": "\n".join([_shared("dom.js"), _own("board.js")]),
        },
    )


def _introduction(known: Sequence[ResultFile]) -> str:
    numbers = sum(len(one.rows) for one in known)
    variants = len({variant.id for one in known for variant in one.variants.values()})
    runs = "1 run" if len(known) == 1 else f"{len(known)} runs"
    alone = sum(len(one.rows) for one in known if one.recomputable)
    return (
        f"{numbers:,} numbers of {variants} variants in {runs}, each with its interval, floor, ceiling, "
        f"the fingerprint of its rows and the one command that recomputes it; {alone:,} of them need nothing but the "
        "package."
    )


def _file(name: str, one: ResultFile) -> dict[str, Any]:
    """What the script needs of a result file; variants and quantities of rows are places in their lists."""
    variants = {key: place for place, key in enumerate(one.variants)}
    quantities = {(q.measure, q.key): place for place, q in enumerate(one.quantities)}

    def bound(of: Bound | None) -> list[Any]:
        return [None, None] if of is None else [variants[of.variant], of.value]

    def row(of: Row) -> list[Any]:
        share = of.of_reachable and [of.of_reachable.value, of.of_reachable.low, of.of_reachable.high]
        facts = [variants[of.variant], quantities[of.measure, of.quantity], of.value, of.low, of.high, of.n, of.failed]
        return [*facts, of.fingerprint, *bound(of.floor), *bound(of.ceiling), share, of.tau, of.tau_from]

    split = f"-{one.data.split}" if one.data.split else ""
    return {
        "name": name,
        "title": f"{name}: {one.data.name}{split}, {one.data.images} images, {one.network.name}",
        "commands": {"protocol": one.commands.protocol, "metric": one.commands.metric},
        "needs": one.commands.needs,
        "protocols": list(one.protocols),
        "quantities": [
            {
                "measure": q.measure,
                "key": q.key,
                "label": q.label,
                "unit": q.unit,
                "better": q.higher_is_better,
                "headline": q.headline,
                "main": q.main,
                "metric": q.measure in one.metrics,
            }
            for q in one.quantities
        ],
        "variants": [
            {
                "id": variant.id,
                "short": _short(variant),
                "name": variant.paper_name,
                "role": variant.role,
                "same": _short(one.variants[variant.same_as]) if variant.same_as else "",
                "ms": variant.ms,
            }
            for variant in one.variants.values()
        ],
        "rows": [row(of) for of in one.rows],
    }


def _short(variant: Variant) -> str:
    """A variant's id with a range of stages in short: ``layercam@stage3-5``."""
    layers = "+".join(variant.layers)
    return variant.id.replace(f"@{layers}", f"@{short_layers(layers)}", 1) if layers else variant.id


def _own(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _shared(name: str) -> str:
    return (files("wsol.report.page") / "assets" / name).read_text(encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("build-finished", _into_site)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _into_site(app: Sphinx, failed: Exception | None) -> None:
    if failed is None and app.builder.format == "html":
        write(Path(app.outdir) / "board" / "index.html", page())
