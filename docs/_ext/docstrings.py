"""Sphinx extension: our docstrings as reStructuredText.

Sections are numpydoc's, entries are ``name, other : what it is``, with the meaning behind the colon and further lines
indented; types are in the signature. Single backticks are code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SECTIONS = ("Parameters", "Attributes", "Raises", "Returns")
ENTRY = re.compile(r"(?P<names>[\w.*]+(?:, [\w.*]+)*) : (?P<meaning>.*)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _process(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = rst(lines)


def rst(lines: list[str]) -> list[str]:
    """A docstring's lines with its sections as definition lists."""
    out: list[str] = []
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        if line in SECTIONS and rest and set(rest[0]) == {"-"}:
            rest.pop(0)
            body: list[str] = []
            while rest and not (rest[0] in SECTIONS and len(rest) > 1 and set(rest[1]) == {"-"}):
                body.append(rest.pop(0))
            out += ["", f"**{line}**", "", *_entries(body), ""]
        elif line.startswith("    ") and out and not out[-1] and not line.strip().startswith(">>>"):
            example = [line]
            while rest and (rest[0].startswith("    ") or not rest[0].strip()):
                example.append(rest.pop(0))
            out += ["::", "", *example, ""]
        else:
            out.append(code(line))
    return out


def _entries(body: list[str]) -> Iterator[str]:
    """A definition for each ``name : meaning``; several may stand on one line, with a full stop between them."""
    joined: list[str] = []
    for line in body:
        if line.startswith(" ") and joined:
            joined[-1] += f" {line.strip()}"
        elif line.strip():
            joined.append(line)
    for text in joined:
        for part in re.split(r"(?<=\.) (?=\w+ : )", text):
            found = ENTRY.fullmatch(part)
            if found is None:
                yield from ("", code(part), "")
                continue
            names = ", ".join(f"``{name}``" for name in found["names"].split(", "))
            yield from (names, f"   {code(found['meaning'])}", "")


def code(line: str) -> str:
    """Single backticks doubled; stars and bars outside of code escaped; doctest lines left alone."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = re.split(r"(``[^`]+``|`[^`]+`)", line)
    return "".join(
        f"``{part.strip('`').strip()}``" if n % 2 else re.sub(r"([*|])", r"\\\1", part) for n, part in enumerate(parts)
    )
