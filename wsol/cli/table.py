"""`wsol table`: the table of one or several runs, from their rows, without torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from wsol.cli.options import Command
from wsol.grammar import stored
from wsol.runs.find import find_runs, open_run
from wsol.runs.folder import RunFolder

DESCRIPTION = """Print the table of one or several runs.

  wsol table                                     the newest run, best first, ties marked
  wsol table shapes-test-shapes_gap imagenet     several runs (folders, or beginnings of their names)
  wsol table 'shapes-*'                          all runs that fit
  wsol table --by method,layers,gamma            grouped by fields; what is not named is averaged over
  wsol table A B --pivot --metric maxboxacc_v2   methods down, data sets or networks across
  wsol table --baseline gradcam@stage5           paired differences to one method
  wsol table --of-reachable                      accuracies as a share of what oraclemap reaches on the same layers
  wsol table --slice size                        parts of the images: class, size, instances, correct
  wsol table --tau oracle,split-half             held-out thresholds too; val: the val split, val:RUN: a run
  wsol table --tau 0.2                           at a fixed threshold, the same for all methods and images
  wsol table --tau oracle,per-image              and the best threshold of each image alone: the method's own ceiling
"""


def main(words: Sequence[str]) -> int:
    """Print the table."""
    parser = Command("table", DESCRIPTION, reads=True).with_format().with_intervals().with_failed()
    parser.add_argument(
        "run", nargs="*", default=["latest"], help="run folders, beginnings of names, * patterns, or latest"
    )
    parser.add_argument(
        "--by", type=_names, action="extend", default=[], help="fields to group by: method, layers, model, any option"
    )
    parser.add_argument("--best", action="store_true", help="groups show their best line instead of the mean")
    parser.add_argument(
        "--pivot", type=_names, nargs="?", const=["auto"], default=[], help="fields that go across, for one metric"
    )
    parser.add_argument("--sort", default="", help="metric, or protocol/metric, to order by")
    parser.add_argument("--baseline", default="", help="variant that the others are shown as differences to")
    parser.add_argument("--metric", type=_names, action="extend", default=[], help="only METRIC or PROTOCOL/METRIC")
    parser.add_argument("--protocol", type=_names, action="extend", default=[], help="only these protocols")
    parser.add_argument("--all", action="store_true", help="every number, not only the main ones")
    parser.add_argument(
        "--of-reachable", action="store_true", help="accuracies as a share of the oracle map's of the same layers, too"
    )
    parser.add_argument("--slice", default="", help="class, size, instances or correct")
    parser.add_argument(
        "--tau",
        type=_names,
        default=["oracle"],
        help="oracle, split-half, val, val:RUN, per-image or a fixed one such as 0.2; several by commas",
    )
    parser.add_argument(
        "--average",
        choices=("images", "classes"),
        help="of accuracies: over images, or the mean over classes of theirs",
    )
    parser.add_argument("--by-class", action="store_true", help="resample whole classes: wider, for other classes too")
    chosen = parser.read(words)
    from wsol.report.numbers.choose import Choice
    from wsol.report.numbers.slices import slicer
    from wsol.report.numbers.summary import summarize
    from wsol.report.numbers.thresholds import settings_of
    from wsol.report.tables.render import check_format
    from wsol.report.tables.show import Layout, show

    check_format(chosen.style)
    folders = open_runs(chosen.run, chosen.runs)
    settings = settings_of(
        chosen.tau,
        chosen.runs,
        n_resamples=chosen.resamples,
        by_class=chosen.by_class,
        skip_failed=chosen.skip_failed,
        average=chosen.average,
        main=not (chosen.all or chosen.metric or chosen.sort or chosen.style in ("json", "csv")),
        of=folders[0],
    )
    summaries = [
        summarize(folder, settings=settings, slicer=slicer(chosen.slice, folder) if chosen.slice else None)
        for folder in folders
    ]
    choice = Choice(
        metrics=chosen.metric,
        protocols=chosen.protocol,
        by=[stored(name) for name in chosen.by],
        sort=chosen.sort,
        baseline=chosen.baseline,
        everything=chosen.all,
    )
    pivot = chosen.pivot or (["slice"] if chosen.slice and "slice" not in chosen.by else [])
    layout = Layout(
        choice=choice, pivot=pivot, pick_best=chosen.best, by_class=chosen.by_class, reachable=chosen.of_reachable
    )
    show(summaries, sys.stdout, style=chosen.style, layout=layout)
    return 0


def open_runs(names: Sequence[str], runs: Path) -> list[RunFolder]:
    """Several runs, each once; a name with ``*`` is all that fit, oldest first."""
    folders: list[RunFolder] = []
    for name in names:
        fitting = find_runs(name, runs) if "*" in name else []
        folders += fitting or [open_run(name, runs)]
    return list({folder.path.resolve(): folder for folder in folders}.values())


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
