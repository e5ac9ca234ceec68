"""Every command of the README runs. Placeholders stand for the reader's files; appended settings make runs small."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

from tests.docs.desk import shortened
from wsol.cli import main

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
LINES = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line for line in LINES if re.match(r"(\w+=\S+ )*wsol ", line)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_command_of_the_readme_runs(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(COMMANDS) >= 4
    monkeypatch.chdir(desk)
    failed = {}
    for command in COMMANDS:
        if command.startswith("wsol reproduce"):
            continue  # tests/cli/test_reproduce.py: it needs the metadata lists
        words = shlex.split(command)
        words = shortened(words[words.index("wsol") + 1 :])
        code = main(words)
        told = capsys.readouterr()
        if code != 0:
            failed[command] = (code, told.err.strip().splitlines()[-1:])
    assert not failed


def test_the_readme_names_only_files_that_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_the_tables_are_those_in_results() -> None:
    """`python scripts/fill_readme.py` would change nothing."""
    script = runpy.run_path(str(ROOT / "scripts" / "fill_readme.py"))
    pages = [page.read_text() for page in script["PAGES"]]
    assert sum(page.count("<!-- table ") for page in pages) == len(script["EXCERPTS"])
    assert [script["filled"](page, ROOT / "results") for page in pages] == pages
