"""The site builds without a warning, and every link within it leads to a place that is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.snippets import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="the group docs of pyproject.toml is not installed")
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-d", str(out / "doctrees")]
    done = subprocess.run([*words, "docs", str(out / "html")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.mark.full
def test_links_and_anchors_of_the_built_site_resolve(site: Path) -> None:
    pages = {file: file.read_text(encoding="utf-8") for file in site.rglob("*.html")}
    assert len(pages) > 100
    ids = {file: set(re.findall(r'\bid="([^"]+)"', text)) for file, text in pages.items()}
    broken = []
    for file, text in pages.items():
        for target in set(re.findall(r'(?:href|src)="(?!https?:|mailto:|data:)([^"]+)"', text)):
            path, _, anchor = unquote(target.replace("&amp;", "&")).partition("#")
            place = (file.parent / path.partition("?")[0]).resolve() if path else file
            if not place.exists() or (anchor and place in ids and anchor not in ids[place]):
                broken.append((str(file.relative_to(site)), target))
    assert not broken


@pytest.mark.full
def test_pages_take_nothing_from_the_network(site: Path) -> None:
    """No script, style, font or picture of another host."""
    taken = re.compile(r'<(?:script|img|link rel="stylesheet")[^>]+(?:src|href)="https?:[^"]+"')
    assert not {file.name: found for file in site.rglob("*.html") if (found := taken.findall(file.read_text()))}
