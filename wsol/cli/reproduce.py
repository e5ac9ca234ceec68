"""`wsol reproduce`: run what a published table needs and put ours beside it."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wsol.cli import choices
from wsol.errors import ConfigError, DataError
from wsol.published.beside import Ours, load_benchmark, needed, ours_from, reproduction_table
from wsol.report.tables.render import check_format, write

if TYPE_CHECKING:
    from wsol.published.beside import Benchmark, Published

DESCRIPTION = """Run a published table and compare: published, ours with its interval, difference, inside or outside.

  wsol reproduce centre_baseline paths.data=data      the centre baseline of the 2020 protocol; needs no images
  wsol reproduce benchmarks/choe2020.yaml --only resnet50 model.weights=mine.pth
  wsol reproduce rise2018 dataset.limit=200 --anyway  on other data than the paper's, and said so

Overrides may say where things are (paths, engine, dataset.images, dataset.metadata, model.weights); what changes the
data or the network needs --anyway. Exit code 1: a number is outside its tolerance; 2: something is missing.
"""
PLACES = r"(paths|engine)\..+|dataset\.(images|metadata|masks|annotations)|table|gallery"  # change no number


def main(words: Sequence[str]) -> int:
    """Run, print, and say by the exit code whether all is inside."""
    parser = argparse.ArgumentParser(
        prog="wsol reproduce", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmark", help="a file of benchmarks/ or its name")
    parser.add_argument("overrides", nargs="*", help="where data and weights are, as for wsol run")
    parser.add_argument("--only", action="append", default=[], help="cells with this in their id (may be repeated)")
    parser.add_argument("--anyway", action="store_true", help="accept other data, weights or settings")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap replicates")
    parser.add_argument("--format", dest="style", default="auto", help="auto, md, csv, tex, html or json")
    parser.add_argument("--json", dest="style", action="store_const", const="json", help="same as --format json")
    chosen = parser.parse_intermixed_args(choices.load_with(list(words)))
    check_format(chosen.style)
    benchmark = load_benchmark(chosen.benchmark)
    cells = benchmark.chosen(chosen.only)
    runnable = with_baselines(benchmark, [cell for cell in cells if cell.overrides])
    changed = changing(chosen.overrides, runnable)
    if changed and not chosen.anyway:
        raise ConfigError(
            f"{changed[0]} changes what the published numbers are of; add --anyway to compare all the same"
        )
    from wsol.published.plan import plan, run

    plans, reasons = plan(runnable, benchmark, chosen.overrides, anyway=chosen.anyway)
    ours = run(plans, runnable, n_resamples=chosen.resamples)
    found = [
        Ours(cell=cell, reason=reasons.get(cell.overrides, ""))
        if cell.overrides in reasons or not cell.overrides
        else ours_from(cell, ours)
        for cell in cells
    ]
    if reasons:
        for line in needed(benchmark):
            print(line, file=sys.stderr)
    if reasons and not plans:
        raise DataError(f"nothing of {benchmark.name} could be run: {next(iter(reasons.values()))}")
    if chosen.style == "json":
        print(json.dumps([one.record() for one in found], indent=1))
    else:
        write(
            reproduction_table(found, benchmark, anyway=changed if chosen.anyway else None),
            sys.stdout,
            style=chosen.style,
        )
    if any(one.verdict == "outside" for one in found):
        return 1
    return 2 if reasons else 0


def with_baselines(benchmark: Benchmark, cells: Sequence[Published]) -> list[Published]:
    """The cells, and those that their differences are taken to."""
    by_id = {cell.id: cell for cell in benchmark.cells}
    bases = [by_id[cell.baseline] for cell in cells if cell.baseline in by_id]
    return list({cell.id: cell for cell in [*cells, *bases] if cell.overrides}.values())


def changing(overrides: Sequence[str], cells: Sequence[Published]) -> list[str]:
    """The overrides that change the data or the network that a table is about."""
    fixed = {word.partition("=")[0] for cell in cells for word in cell.overrides}
    found = []
    for word in overrides:
        name = word.partition("=")[0].lstrip("+~")
        weights = name == "model.weights" and name not in fixed and not word.endswith("=random")
        if not weights and not re.fullmatch(PLACES, name):
            found.append(word)
    return found
