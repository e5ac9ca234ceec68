"""`wsol data prepare`: from the archives people have to the folders that readers know."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.cli.options import Command
from wsol.errors import unknown
from wsol.report.tables.render import print_table

if TYPE_CHECKING:
    from wsol.datasets.prepare import Preparation
    from wsol.datasets.prepare._plan import Plan
    from wsol.datasets.prepare._summary import PartSummary

ACTIONS = ("prepare",)
DESCRIPTION = """Unpack what a data set's source offers into the folders that its reader knows.

  wsol data prepare imagenet downloads/ data/ILSVRC
  wsol data prepare cub CUB_200_2011.tgz data/CUB --dry
  wsol data prepare                                      what can be prepared, and from which archives

SRC is an archive (.tar, .tgz, .tar.gz, .zip, also one within another), or a folder of archives and unpacked files. It
is never changed. DST gets each file whole: written beside its place, then moved there. The same command resumes after
Ctrl-C, a kill or a full disk, and writes only what is missing. What DST holds is counted and compared with what the
source states; counts from memory are marked, and a difference from one is a warning. Exit code 1: something is missing;
2: bad usage, a damaged archive, or one that is refused, such as one with names that lead out of its folder.
"""


def main(words: Sequence[str]) -> int:
    """Do it, and print what is there, what was written and what is missing."""
    from wsol.datasets.prepare import preparations

    parser = Command("data", DESCRIPTION)
    parser.add_argument("action", help=", ".join(ACTIONS))
    parser.add_argument("name", nargs="?", metavar="NAME", help="which data set")
    parser.add_argument("source", nargs="?", type=Path, metavar="SRC", help="an archive or a folder")
    parser.add_argument("folder", nargs="?", type=Path, metavar="DST", help="where the data set's folders go")
    parser.add_argument("--dry", action="store_true", help="print what would be done; write nothing")
    parser.add_argument("--json", action="store_true", help="print one object")
    given = parser.read(words)
    if given.action not in ACTIONS:
        raise unknown("action", given.action, ACTIONS)
    if given.name is None:
        print_table([_about(key) for key in preparations])
        return 0
    if given.name not in preparations:
        raise unknown("data set to prepare", given.name, preparations, see="wsol data prepare")
    preparation = preparations[given.name]
    if given.folder is None:
        parser.error(f"say where from and where to: wsol data prepare {given.name} SRC DST")
    return _prepare(preparation, given.source, given.folder, dry=given.dry, as_json=given.json)


def _about(key: str) -> dict[str, str]:
    from wsol.datasets.prepare import preparations

    preparation = preparations[key]
    archives = dict.fromkeys(part.archives for part in preparation.parts if part.archives)
    return {"dataset": key, "about": preparation.about, "archives": ", ".join(archives)}


def _prepare(preparation: Preparation, source: Path, folder: Path, *, dry: bool, as_json: bool) -> int:
    from wsol.datasets.prepare._plan import plan
    from wsol.datasets.prepare._summary import checksum_notes, count_notes, sentence, summary
    from wsol.datasets.prepare._write import carry_out

    planned = plan(preparation, source.expanduser(), folder.expanduser())
    if not dry:
        carry_out(planned)
    parts = summary(planned, dry=dry)
    line = sentence(preparation, parts, folder, dry=dry)
    notes = [*count_notes(preparation, parts), *checksum_notes(planned), *_passed_over(planned)]
    if as_json:
        facts = {"dataset": preparation.key, "folder": str(folder), "dry": dry}
        json.dump({**facts, "parts": [asdict(part) for part in parts], "notes": notes}, sys.stdout, indent=1)
        print()
    else:
        print_table([_row(part) for part in parts if part.files or part.missing])
        print("\n".join(["", *notes, line]))
        if not dry:
            print(f"Next: wsol doctor dataset={folder}")
    return int(any(part.missing for part in parts))


def _row(part: PartSummary) -> dict[str, object]:
    expected = "" if part.expected is None else f"{part.expected}{'' if part.certain else ' (from memory)'}"
    return {
        "part": part.part,
        "files": part.files,
        "of": expected,
        "written": part.written,
        "missing": part.missing or "",
        "from": part.archives,
    }


def _passed_over(planned: Plan) -> list[str]:
    """What archives hold beside the data set."""
    links = sum(source.links for source in planned.sources)
    others = sum(source.others for source in planned.sources if source.archive)
    words = [f"{others} other member{'s' * (others > 1)}"] if others else []
    words += [f"{links} link{'s' * (links > 1)}"] if links else []
    return [f"Left in the archives: {' and '.join(words)}."] if words else []
