"""`wsol reproduce`: run what a published table needs and put ours beside it."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.cli.options import RUNS, RUNS_DEFAULT, Command
from wsol.errors import WsolError
from wsol.published.beside import load_benchmark
from wsol.published.reproduction import reproduced, task_of
from wsol.published.steps import WEIGHTS, Step, as_text, steps
from wsol.report.tables.render import check_format, write

if TYPE_CHECKING:
    from wsol.published.beside import Benchmark, Published

log = logging.getLogger(__name__)

DESCRIPTION = """Run a published table and compare: published, ours with its interval, difference, inside or outside.

  wsol reproduce centre_baseline paths.data=data      the centre baseline of the 2020 protocol; needs no images
  wsol reproduce benchmarks/choe2020.yaml --only resnet50 model.weights=mine.pth
  wsol reproduce rise2018 dataset.limit=200 --allow-changes      on other data than the paper's, which the table says
  wsol reproduce choe2020 --train paths.data=data     from nothing: train what has no weights, evaluate, compare
  wsol reproduce choe2020 --dry-run                   the steps of that, as commands; runs nothing
  wsol reproduce systems --sources                    where each number stands, and where another one does

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
    parser.add_argument("--train", action="store_true", help="train the networks whose weights are missing; resumes")
    parser.add_argument("--dry-run", action="store_true", help="print the steps and their commands, and run nothing")
    parser.add_argument("--sources", action="store_true", help="print where the numbers are from, and contradictions")
    given = parser.read(words)
    check_format(given.style)
    if given.sources:
        benchmark = load_benchmark(given.benchmark)
        print(sources(benchmark, benchmark.chosen(given.only), style=given.style))
        return 0
    task = task_of(given.benchmark, given.overrides, only=given.only, allow_changes=given.allow_changes)
    todo = steps(task.runnable, given.benchmark, given.overrides, runs_of(given.overrides), given.only)
    if given.dry_run:
        print(as_text(todo))
        return 0
    with redirect_stdout(sys.stderr):  # what networks, methods and trainings print is no answer
        untrained = train([step for step in todo if step.kind == "train"]) if given.train else {}
        found = reproduced(task, n_resamples=given.resamples, untrained=untrained)
    for line in found.lacking:
        print(line, file=sys.stderr)
    if given.style == "json":
        print(json.dumps([ours.record() for ours in found.results], indent=1))
    else:
        write(found.table, sys.stdout, style=given.style)
    if any(ours.verdict == "outside" for ours in found.results):
        return 1
    return 0 if found.complete else 2


def runs_of(overrides: Sequence[str]) -> Path:
    """Where run folders are, by the overrides or the default."""
    from wsol.settings.words import Word

    words = [Word.of(word) for word in overrides]
    given = [word.value for word in words if word.key == "paths.runs" and word.value]
    return Path(given[-1].strip("'\"")) if given else Path(os.environ.get(RUNS, RUNS_DEFAULT))


def train(todo: Sequence[Step]) -> dict[tuple[str, ...], str]:
    """Train what is not trained yet, by `wsol train`; by a cell's words of it, why a training was not done.

    One that can't be done leaves the others theirs.
    """
    from wsol.cli.train import main as train_network

    wrong = {}
    for place, step in enumerate(todo, start=1):
        if step.done:
            continue
        log.info("training %d of %d: %s", place, len(todo), step.command)
        try:
            code = train_network(list(step.words[1:]))
        except WsolError as error:
            wrong[step.of] = f"not trained: {error}"
        else:
            if code or not (step.folder / WEIGHTS).is_file():
                wrong[step.of] = f"not trained: {step.command} ended with {code}; the same command resumes"
    return wrong


def sources(benchmark: Benchmark, cells: Sequence[Published], *, style: str) -> str:
    """Where each number stands, in this table and in others."""
    from wsol.published.beside import benchmark_names
    from wsol.published.sources import as_text as written
    from wsol.published.sources import chains

    others = [load_benchmark(name) for name in benchmark_names() if name != benchmark.name]
    found = chains(cells, benchmark, others)
    return json.dumps([chain.record() for chain in found], indent=1) if style == "json" else written(found)
