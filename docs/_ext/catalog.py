"""Sphinx extension: writes the pages that the registries' records make into docs/catalog/, before sources are read.

What is in ``catalog/parts`` is no page of its own: pages written by hand include it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import check_pages, command_pages, data_pages, method_pages, metric_pages, protocol_pages, result_pages
from .markdown import DOCS, write

if TYPE_CHECKING:
    from sphinx.application import Sphinx

TUTORIALS = """```{toctree}
:caption: Learn
:hidden:

auto_tutorials/index
```
"""


def pages() -> Iterator[tuple[str, str]]:
    """The gallery of tutorials in the table of contents, where there are any."""
    scripts = any((DOCS / "tutorials").glob("plot_*.py"))
    yield "parts/tutorials", TUTORIALS if scripts else "% no tutorials\n"


MAKERS: tuple[Callable[[], Iterator[tuple[str, str]]], ...] = (
    method_pages.pages,
    protocol_pages.pages,
    metric_pages.pages,
    data_pages.pages,
    result_pages.pages,
    command_pages.pages,
    check_pages.pages,
    pages,
)
CATALOG = DOCS / "catalog"


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda _: write_catalog())
    app.connect("source-read", _link_results)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _link_results(app: Sphinx, document: str, source: list[str]) -> None:
    """Links to results/, which work where the repository is browsed, lead to the site's own pages."""
    source[0] = re.sub(r"\]\(\.\./results/(\w+)\.md\)", r"](/catalog/results/\1.md)", source[0])


def write_catalog() -> None:
    """Write every page, and remove those of components that are gone."""
    made = {CATALOG / f"{name}.md": text for maker in MAKERS for name, text in maker()}
    for file in set(CATALOG.rglob("*.md")) - set(made):
        file.unlink()
    for file, text in made.items():
        write(file, text)
