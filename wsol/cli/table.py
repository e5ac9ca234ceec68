"""`wsol table`: the table of one or several runs, from their rows, without torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.cli.options import Command
from wsol.errors import ConfigError
from wsol.grammar import stored
from wsol.runs.folder import RunFolder, find_runs, open_run

if TYPE_CHECKING:
    from wsol.report.numbers.quantity import TauFrom
    from wsol.report.numbers.summary import Settings

VAL = "val"  # the split that thresholds are chosen on
NOT_HELD_OUT = (
    "these images are the val split themselves, so thresholds from it are not held out; choose split-half, or val:RUN "
    "with a run on other images"
)

DESCRIPTION = """Print the table of one or several runs.

  wsol table                                     the newest run, best first, ties marked
  wsol table shapes-test-shapes_gap imagenet     several runs (folders, or beginnings of their names)
  wsol table 'shapes-*'                          all runs that fit
  wsol table --by method,layers,gamma            grouped by fields; what is not named is averaged over
  wsol table A B --pivot --metric maxboxacc_v2   methods down, data sets or networks across
  wsol table --baseline gradcam@stage5           paired differences to one method
  wsol table --slice size                        parts of the images: class, size, instances, correct
  wsol table --tau oracle,split-half             held-out thresholds too; val: the val split, val:RUN: a run
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
    parser.add_argument("--slice", default="", help="class, size, instances or correct")
    parser.add_argument(
        "--tau", type=_names, default=["oracle"], help="oracle, split-half, val, val:RUN; several by commas"
    )
    parser.add_argument("--by-class", action="store_true", help="resample whole classes: wider, for other classes too")
    chosen = parser.read(words)
    from wsol.report.numbers.choose import Choice
    from wsol.report.numbers.slices import slicer
    from wsol.report.numbers.summary import summarize
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
    layout = Layout(choice=choice, pivot=pivot, pick_best=chosen.best, by_class=chosen.by_class)
    show(summaries, sys.stdout, style=chosen.style, layout=layout)
    return 0


def settings_of(
    taus: Sequence[str],
    runs: Path,
    *,
    n_resamples: int,
    by_class: bool = False,
    skip_failed: bool = False,
    main: bool = False,
    of: RunFolder | None = None,
) -> Settings:
    """``oracle,split-half,val:RUN`` as settings of a summary; ``val`` alone is the run like `of` on the val split."""
    from wsol.report.numbers.summary import Settings

    sources: list[TauFrom] = []
    validation = None
    for tau in taus:
        kind, colon, run = tau.partition(":")
        if kind == VAL and (run or of):
            validation = open_run(run, runs) if run else sibling(of, runs)
        elif kind not in ("oracle", "split-half") or colon:
            raise ConfigError(f"tau {tau}: choose oracle, split-half, or val:RUN with the run of another split")
        sources.append(cast("TauFrom", kind))
    return Settings(
        taus=list(dict.fromkeys(sources)),
        validation=validation,
        n_resamples=n_resamples,
        by_class=by_class,
        skip_failed=skip_failed,
        main=main,
    )


def sibling(run: RunFolder | None, runs: Path) -> RunFolder:
    """The newest run that differs from `run` in nothing but its images, which are those of the val split."""
    assert run is not None
    if any(footer.run.split == VAL for footer in run.footers()):
        raise ConfigError(f"{run.name}: {NOT_HELD_OUT}")

    def identity(folder: RunFolder) -> dict[str, Any]:
        return {k: v for k, v in folder.manifest.get("identity", {}).items() if k != "dataset_fingerprint"}

    mine = identity(run)
    candidates = [other for other in find_runs("*", runs) if other.name != run.name and identity(other) == mine]
    siblings = [other for other in candidates if any(footer.run.split == VAL for footer in other.footers())]
    if not siblings:
        raise ConfigError(
            f"there is no run of the {VAL} split like {run.name} in {runs}: run it with dataset.split={VAL}, or name "
            "one, val:RUN"
        )
    return siblings[-1]


def open_runs(names: Sequence[str], runs: Path) -> list[RunFolder]:
    """Several runs, each once; a name with ``*`` is all that fit, oldest first."""
    folders: list[RunFolder] = []
    for name in names:
        fitting = find_runs(name, runs) if "*" in name else []
        folders += fitting or [open_run(name, runs)]
    return list({folder.path.resolve(): folder for folder in folders}.values())


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
