"""`wsol reproduce`: run what a published table needs and put ours beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wsol.cli.options import Command
from wsol.errors import ConfigError
from wsol.published.beside import Ours, load_benchmark, needed, ours_from, reproduction_table
from wsol.report.tables.render import check_format, write

if TYPE_CHECKING:
    from wsol.published.beside import Benchmark, Published

DESCRIPTION = """Run a published table and compare: published, ours with its interval, difference, inside or outside.

  wsol reproduce centre_baseline paths.data=data      the centre baseline of the 2020 protocol; needs no images
  wsol reproduce benchmarks/choe2020.yaml --only resnet50 model.weights=mine.pth
  wsol reproduce rise2018 dataset.limit=200 --allow-changes      on other data than the paper's, which the table says

Overrides may say where things are (paths, engine, folders and files of the dataset, model.weights); what changes the
data or the network needs --allow-changes. Without data, the published numbers are printed with what is needed.
All tables: wsol list benchmarks. Exit code 1: a number is outside its tolerance; 2: something is missing.
"""


def main(words: Sequence[str]) -> int:
    """Run and print; the exit code says whether all is inside."""
    parser = Command("reproduce", DESCRIPTION, overrides=True).with_format().with_intervals()
    parser.add_argument("benchmark", help="a file of benchmarks/ or its name")
    parser.add_argument("overrides", nargs="*", help="where data and weights are, as for wsol run")
    parser.add_argument("--only", action="append", default=[], help="cells with this in their id (may be repeated)")
    parser.add_argument("--allow-changes", action="store_true", help="accept other data, weights or settings")
    given = parser.read(words)
    check_format(given.style)
    benchmark = load_benchmark(given.benchmark)
    cells = benchmark.chosen(given.only)
    runnable = with_baselines(benchmark, [cell for cell in cells if cell.overrides])
    changed = changing(given.overrides, runnable)
    if changed and not given.allow_changes:
        raise ConfigError(
            f"{changed[0]} changes what the published numbers are of; add --allow-changes to compare anyway"
        )
    from wsol.published.plan import plan, run

    plans, reasons = plan(runnable, benchmark, given.overrides, allow_changes=given.allow_changes)
    numbers = run(plans, runnable, n_resamples=given.resamples)
    results = [
        Ours(cell=cell, reason=reasons.get(cell.overrides, ""))
        if cell.overrides in reasons or not cell.overrides
        else ours_from(cell, numbers)
        for cell in cells
    ]
    if reasons:
        for line in needed(benchmark):
            print(line, file=sys.stderr)
    if given.style == "json":
        print(json.dumps([ours.record() for ours in results], indent=1))
    else:
        changes = changed if given.allow_changes else None
        write(reproduction_table(results, benchmark, changes=changes), sys.stdout, style=given.style)
    if any(ours.verdict == "outside" for ours in results):
        return 1
    return 2 if reasons else 0


def with_baselines(benchmark: Benchmark, cells: Sequence[Published]) -> list[Published]:
    """The cells, and those that their differences are taken to."""
    by_id = {cell.id: cell for cell in benchmark.cells}
    bases = [by_id[cell.baseline] for cell in cells if cell.baseline in by_id]
    return list({cell.id: cell for cell in [*cells, *bases] if cell.overrides}.values())


def changing(overrides: Sequence[str], cells: Sequence[Published]) -> list[str]:
    """The overrides that change the data or the network that a table is about."""
    from wsol.settings.words import Word, moves_no_number

    fixed = {Word.of(word).key for cell in cells for word in cell.overrides}
    changes = []
    for text in overrides:
        word = Word.of(text)
        weights = word.key == "model.weights" and word.key not in fixed and word.value != "random"
        if not weights and not moves_no_number(word):
            changes.append(text)
    return changes
