"""What is checked, counted from the tests and records themselves."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Iterator

from wsol.methods._base import methods
from wsol.protocols import protocols
from wsol.published.beside import benchmark_names, load_benchmark
from wsol.testing import RULES

from .markdown import ROOT, code, link, page, prose, table


def pages() -> Iterator[tuple[str, str]]:
    """Parts of the page on correctness."""
    yield "parts/contract", contract()
    yield "parts/twins", twins()
    yield "parts/sources", sources()
    yield "parts/published", published()


def contract() -> str:
    """The rules of `wsol.testing`, each in its own words."""
    rows = [[code(rule.__name__), prose(" ".join((inspect.getdoc(rule) or "").split()))] for rule in RULES]
    return table(["rule", "what every method keeps"], rows) + "\n"


def twins() -> str:
    """How many methods have a slow twin, in how many cases, and which have none."""
    sys.path.insert(0, str(ROOT))  # tests/ is no part of the package
    try:
        from tests.reference.methods import CASES, TWINS
    finally:
        sys.path.remove(str(ROOT))
    cases = Counter(case.key for case in CASES)
    without = sorted(set(methods.packaged()) - set(TWINS))
    rows = [[code(key), str(cases[key])] for key in sorted(TWINS)]
    return page(
        f"{len(TWINS)} of {len(methods)} methods have a twin, compared in {len(CASES)} cases (a network, a layer and "
        f"options each)." + (f" Without one: {', '.join(map(code, without))}." if without else ""),
        ":::{dropdown} Cases by method",
        table(["method", "cases"], rows, numbers=1),
        ":::",
    )


def sources() -> str:
    """Of how many knobs of each protocol the source is stated."""
    rows = [
        [link("protocols", p.name), f"{sum(k in p.sources for k in p.knobs)} of {len(p.knobs)}"]
        for key, p in protocols.packaged().items()
        if key == p.name
    ]
    return table(["protocol", "knobs with a source"], rows, numbers=1) + "\n"


def published() -> str:
    """The published tables that are in the repository as data."""
    tables = {name: load_benchmark(name) for name in benchmark_names()}
    rows = [
        [code(name), prose(t.paper), str(len(t.cells)), str(sum(bool(c.overrides) for c in t.cells))]
        for name, t in tables.items()
    ]
    return table(["name", "paper", "numbers", "that a run here can be put beside"], rows, numbers=2) + "\n"
