"""Sphinx extension: the Mermaid graph of rooms as a table, which needs no script: a room, what it is, its imports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NODE = re.compile(r'(?P<id>\w+)\["<b>(?P<room>[\w.]+)</b><br/>(?P<about>.*)"\]')
ARROW = re.compile(r"(?P<source>\w+) --> (?P<target>\w+)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_transform(RoomsAsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class RoomsAsTable(SphinxTransform):
    """Puts a table in the place of each block of Mermaid."""

    default_priority = 100

    def apply(self, **_: Any) -> None:
        for block in list(self.document.findall(nodes.literal_block)):
            if block.get("language") == "mermaid":
                block.replace_self(_table(rooms(block.astext())))


def rooms(graph: str) -> list[tuple[str, str, list[str]]]:
    """Each room of a graph, what it is, and the rooms it imports, in the order of the graph."""
    found = {node["id"]: (node["room"], node["about"]) for node in NODE.finditer(graph)}
    below: dict[str, list[str]] = {name: [] for name in found}
    for arrow in ARROW.finditer(graph):
        below[arrow["source"]].append(found[arrow["target"]][0])
    return [(room, about, below[name]) for name, (room, about) in found.items()]


def _table(lines: list[tuple[str, str, list[str]]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (1, 2, 2)), cols=3)
    head = nodes.row("", *(_cell(nodes.Text(name)) for name in ("room", "what it is", "imports")))
    body = [
        nodes.row("", _cell(nodes.literal("", room)), _cell(nodes.Text(about)), _cell(nodes.Text(", ".join(below))))
        for room, about, below in lines
    ]
    group += [nodes.thead("", head), nodes.tbody("", *body)]
    return nodes.table("", group)


def _cell(content: nodes.Node) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", content))
