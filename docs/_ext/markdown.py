"""Pieces of Markdown pages, and a writer that leaves a page alone where nothing of it changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol.options import MISSING_VALUE, Option

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def prose(text: str) -> str:
    """Plain text as Markdown that reads the same; what stands in backticks stays code."""
    parts = re.split(r"(``?[^`]+``?)", text)
    return "".join(
        part if n % 2 else re.sub(r"([\\*_\[\]<>|$#{}~])", r"\\\1", part).replace("\n- ", "\n\\- ")
        for n, part in enumerate(parts)
    )


def code(text: object) -> str:
    """Inline code; nothing for an empty text."""
    return f"`{text}`" if str(text) else ""


def link(kind: str, key: str) -> str:
    """A key that leads to its page of the catalog."""
    return f"[`{key}`](/catalog/{kind}/{key}.md)"


def value(given: Any) -> str:
    """A value as one would type it on the command line."""
    if given is None:
        return "null"
    if given == MISSING_VALUE:
        return "must be given"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, float):
        return f"{given:.6g}"
    if isinstance(given, list | tuple | set | frozenset):
        return f"[{','.join(map(value, given))}]"
    return str(given)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """A Markdown table whose last `numbers` columns are aligned right. It scrolls in a box of its own."""
    left = len(head) - numbers
    lines = [head, ["---"] * left + ["--:"] * numbers]
    lines += [[cell.replace("\n", " ") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def options_table(options: Iterable[Option | Mapping[str, Any]]) -> str:
    """Options with default, what they take and their meaning; a sentence where there are none."""
    rows = []
    for option in options:
        facts = option if isinstance(option, Mapping) else {k: getattr(option, k) for k in Option.__slots__}
        cells = [code(facts["name"]), code(value(facts["default"])), prose(facts["takes"]), prose(facts["help"])]
        rows.append([cell.replace(r"\|", "or") for cell in cells])
    return table(["option", "default", "takes", "meaning"], rows) if rows else "It has no options."


def picture(name: str, alt: str) -> str:
    """The committed picture `name`, or nothing where there is none; see `_ext.pictures`."""
    return f"```{{picture}} {name}\n:alt: {alt}\n```"


def facts(given: Mapping[str, str]) -> str:
    """Names and values, as a list of fields."""
    return "\n".join(f":{name}: {fact}" for name, fact in given.items())


def sentence(text: str) -> str:
    """Plain text as Markdown, its first letter a capital, unless that is a symbol or a name in code."""
    first = text.split(" ")[0]
    return prose(text[:1].upper() + text[1:] if first.isalpha() and len(first) > 1 else text)


def page(*blocks: str) -> str:
    """Blocks with empty lines between them; empty ones are left out."""
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip()) + "\n"


def code_block(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def write(path: Path, text: str) -> None:
    """Write a page where it differs from the one there, so that an unchanged page is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
