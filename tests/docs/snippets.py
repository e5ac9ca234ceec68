"""What readers copy out of the documents: commands and Python."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
DOCUMENTS = (ROOT / "README.md", *PAGES)


def blocks(document: Path, language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), re.S | re.M)


def commands(document: Path) -> list[list[str]]:
    """The `wsol` commands of the shell blocks, as words without the program."""
    lines = [line.split(" #")[0].strip() for block in blocks(document, "sh") for line in block.splitlines()]
    found = [shlex.split(line) for line in lines if re.match(r"(\w+=\S+ )*wsol ", line)]
    return [words[words.index("wsol") + 1 :] for words in found]


def every_command() -> list[list[str]]:
    """Each command of the pages once; those of the README have a test of their own."""
    seen = {tuple(words): words for document in PAGES for words in commands(document)}
    for words in commands(ROOT / "README.md"):
        seen.pop(tuple(words), None)
    return [*seen.values()]
