"""`wsol table`: the table of a run, from its rows, without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from wsol.lazy import lazily
from wsol.store import open_run


def main(words: Sequence[str]) -> int:
    """Print the table of one run."""
    parser = argparse.ArgumentParser(prog="wsol table", description="Print the table of a run; `latest` is the newest.")
    parser.add_argument("run", nargs="?", default="latest", help="a run folder, the beginning of its name, or latest")
    parser.add_argument("--runs", type=Path, default=Path("results/runs"), help="where run folders are")
    parser.add_argument("--format", dest="style", default="auto", help="auto, md, csv, tex or json")
    parser.add_argument("--json", dest="style", action="store_const", const="json", help="same as --format json")
    parser.add_argument("--by-class", action="store_true", help="resample whole classes: wider, for other classes too")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap replicates")
    chosen = parser.parse_args(list(words))
    lazily("torch")
    from wsol.report.summary import summarise
    from wsol.report.table import show

    folder = open_run(chosen.run, chosen.runs)
    show(summarise(folder, n_resamples=chosen.resamples, by_class=chosen.by_class), sys.stdout, style=chosen.style)
    return 0
