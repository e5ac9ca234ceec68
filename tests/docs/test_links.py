"""Links between the documents lead somewhere, without the network."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.docs.snippets import DOCUMENTS, ROOT

LINKED = (
    *DOCUMENTS,
    *(ROOT / name for name in ("llms.txt", "CHANGELOG.md", "benchmarks/README.md", "results/README.md")),
)
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def made(catalog: dict[str, str]) -> dict[str, str]:
    """The generated pages by the path that links to them have."""
    return {f"/catalog/{name}.md": text for name, text in catalog.items()}


def anchors(text: str) -> set[str]:
    """The places of a page that links can name: its headings, and those it gives a name."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", text, re.M))


def broken(text: str, where: Path, made: dict[str, str]) -> list[str]:
    """Targets of a page's links and includes that are not there."""
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text) + re.findall(r"\{(?:include|image)\} (\S+)", text)
    wrong = []
    for target in targets:
        path, _, anchor = target.partition("#")
        file = where if not path else DOCS / path.lstrip("/") if path.startswith("/") else where.parent / path
        absolute = os.path.normpath(file).removeprefix(str(DOCS))
        if absolute in made:
            page = made[absolute]
        else:
            if not file.exists():
                wrong.append(target)
                continue
            page = file.read_text(encoding="utf-8") if file.suffix == ".md" else ""
        if anchor and anchor not in anchors(page):
            wrong.append(target)
    return wrong


def test_links_of_the_documents_resolve(made: dict[str, str]) -> None:
    assert not {d.name: wrong for d in LINKED if (wrong := broken(d.read_text(encoding="utf-8"), d, made))}


def test_links_of_the_generated_pages_resolve(made: dict[str, str]) -> None:
    pages = {name: broken(text, DOCS / name.lstrip("/"), made) for name, text in made.items()}
    assert len(pages) > 90
    assert not {name: wrong for name, wrong in pages.items() if wrong}


def test_a_generated_page_is_found_from_its_neighbors_and_from_elsewhere() -> None:
    made = {"/catalog/results/speed.md": "# Speed"}
    text = "[a](speed.md) [b](speed.md#speed) [c](speed.md#gone) [d](/catalog/results/speed.md) [e](other.md)"
    assert broken(text, DOCS / "catalog" / "results" / "other_page.md", made) == ["speed.md#gone", "other.md"]
    assert broken("[a](catalog/results/speed.md) [b](speed.md)", DOCS / "page.md", made) == ["speed.md"]


def test_a_broken_link_and_a_missing_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "# Here\n\n[a](#here) [b](#gone) [c](gone.md) [d](page.md) [e](https://example.org)"
    page.write_text(text)
    assert broken(text, page, {}) == ["#gone", "gone.md"]
