"""Recompute random numbers of the board, each by its own command, and compare them to the last digit.

    python scripts/board_check.py                        20 numbers of results/ that need no download
    python scripts/board_check.py --seed 7 --numbers 5
    python scripts/board_check.py theirs.json            somebody's result file, before it joins results/

A number is equal where its value, both ends of its interval, its thresholds and n are, bit for bit; the fingerprint of
its rows is compared, too. Metrics that query the network again fill its batches with what several variants ask, so that
one variant alone differs from them in the last bits of float32: their numbers must be equal to six digits. On a machine
of another kind all last bits may differ: with --printed numbers count as equal that are printed alike. The exit code is
1 where a number differs.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.cli import main as wsol
from wsol.errors import WsolError
from wsol.report.export.result_file import ResultFile, Row, read_result
from wsol.report.tables.render import print_table

ROOT = Path(__file__).resolve().parents[1]
SIX_DIGITS = 1e-6


@dataclass(frozen=True)
class Cell:
    """A number of a result file."""

    name: str
    file: ResultFile
    row: Row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="*", help="result files; default: all of results/")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of numbers")
    parser.add_argument("--numbers", type=int, default=20, help="how many")
    parser.add_argument("--printed", action="store_true", help="numbers that are printed alike count as equal")
    chosen = parser.parse_args()
    try:
        places = chosen.results or sorted((ROOT / "results").glob("*.json"))
        files = {place.stem: read_result(place) for place in places}
    except WsolError as error:
        print(f"board_check: {error}", file=sys.stderr)
        return error.exit_code
    for name, reason in left_out(files).items():
        print(f"{name}: not recomputed here, it needs {reason}")
    cells = drawn(files, chosen.numbers, chosen.seed)
    if not cells:
        print("board_check: there is no number that needs no download", file=sys.stderr)
        return 2
    lines = []
    with tempfile.TemporaryDirectory(prefix="board-") as place:
        for cell in cells:
            again = recomputed(cell, Path(place))
            lines.append(compared(cell, again, printed=chosen.printed))
            print(" ".join(f"{value}" for value in lines[-1].values()), file=sys.stderr, flush=True)
    print_table(lines)
    bad = sum(line["verdict"] == "differs" for line in lines)
    print(f"\nSeed {chosen.seed}: {len(lines) - bad} of {len(lines)} numbers are equal.")
    return 1 if bad else 0


def left_out(files: Mapping[str, ResultFile]) -> dict[str, str]:
    """By file, what its numbers need beyond the package."""
    return {name: ", ".join(file.commands.needs) for name, file in files.items() if not file.recomputable}


def drawn(files: Mapping[str, ResultFile], count: int, seed: int) -> list[Cell]:
    """Random numbers that need no download, each as likely as any other."""
    able = {name: file for name, file in sorted(files.items()) if file.recomputable and file.rows}
    every = [Cell(name, file, row) for name, file in able.items() for row in file.rows if row.tau_from != "val"]
    return random.Random(seed).sample(every, min(count, len(every)))


def recomputed(cell: Cell, place: Path) -> Row | None:
    """The number again, by its own command, in a folder of its own run; None where the run has no such number."""
    words = [*cell.file.command(cell.row), f"paths.runs={place / cell.name}"]
    print(shlex.join(words), file=sys.stderr, flush=True)
    with silent():
        if wsol(words[1:]):
            return None
        mine = place / f"{cell.name}.json"
        taus = ["--tau-from", cell.row.tau_from] if cell.row.tau_from in ("split-half", "per-image") else []
        if wsol(["export", "latest", "--runs", str(place / cell.name), "--result", str(mine), *taus]):
            return None
    return next((row for row in read_result(mine).rows if row.name == cell.row.name), None)


def compared(cell: Cell, again: Row | None, *, printed: bool) -> dict[str, str]:
    """The line of a number: what is stated, what was computed, and whether they are equal."""
    row = cell.row
    quantity = next(q for q in cell.file.quantities if (q.measure, q.key) == (row.measure, row.quantity))
    digits = 1 if quantity.unit in ("percent", "count") else 3
    if again is None:
        verdict = "differs"
    elif facts(row) == facts(again):
        verdict = "equal"
    elif row.measure in cell.file.metrics and nearly(row, again):
        verdict = "equal to six digits"
    elif printed and printed_facts(row, digits) == printed_facts(again, digits):
        verdict = "equal as printed"
    else:
        verdict = "differs"
    return {
        "file": cell.name,
        "variant": row.variant,
        "number": f"{row.measure}/{row.quantity}",
        "stated": repr(row.value),
        "computed": "nothing" if again is None else repr(again.value),
        "rows": "equal" if again is not None and again.fingerprint == row.fingerprint else "differ",
        "verdict": verdict,
    }


def facts(row: Row) -> tuple[object, ...]:
    """All of a number that must be equal."""
    return (row.value, row.low, row.high, row.n, row.failed, row.tau)


def nearly(row: Row, again: Row) -> bool:
    """Whether two numbers, and the ends of their intervals, are equal to six digits."""
    pairs = [(row.value, again.value), (row.low, again.low), (row.high, again.high)]
    close = [a == b if a is None or b is None else math.isclose(a, b, rel_tol=SIX_DIGITS) for a, b in pairs]
    return all(close) and (row.n, row.failed) == (again.n, again.failed)


def printed_facts(row: Row, digits: int) -> tuple[object, ...]:
    """A number as tables show it."""
    ends: Sequence[float | None] = (row.value, row.low, row.high)
    return (*("" if end is None else f"{end:.{digits}f}" for end in ends), row.n, row.failed)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Without what commands print on stdout."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


if __name__ == "__main__":
    sys.exit(main())
