"""Run folders by name: one, the latest, or all that fit a pattern."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from wsol.errors import OutputError, unknown
from wsol.runs.folder import RunFolder


def open_run(name: str | Path, runs: Path) -> RunFolder:
    """The run called `name`: a folder, a folder name (or its beginning) under `runs`, or ``latest``."""
    path = Path(name)
    if (path / "run.json").is_file():
        return RunFolder(path)
    known = {p.parent.name: p for p in runs.glob("*/run.json")}
    if not known:
        raise OutputError(f"there is no run under {runs}; start one with: wsol run")
    if str(name) == "latest":
        return max((RunFolder(p.parent) for p in known.values()), key=lambda run: (run.written, run.name))
    matching = [n for n in known if n.startswith(str(name))]
    if len(matching) == 1:
        return RunFolder(known[matching[0]].parent)
    if matching:
        fitting = ", ".join(sorted(matching))
        raise OutputError(
            f"{str(name)!r} fits {len(matching)} runs: {fitting}; say which (wsol table: '{name}*' for all)"
        )
    raise unknown("run", str(name), known, see=f"the folders in {runs}")


def find_runs(pattern: str, runs: Path) -> list[RunFolder]:
    """All runs under `runs` whose name fits a pattern with ``*``, oldest first."""
    matching = [RunFolder(p.parent) for p in runs.glob("*/run.json") if fnmatchcase(p.parent.name, pattern)]
    return sorted(matching, key=lambda run: (run.written, run.name))
