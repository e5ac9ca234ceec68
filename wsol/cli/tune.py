"""`wsol tune`: a random search of a recipe's values, each trial trained and then scored on the val split."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol.cli.options import Command
from wsol.cli.train import out_of, settings_of
from wsol.errors import ConfigError
from wsol.settings.words import Word

log = logging.getLogger(__name__)

DESCRIPTION = """Search a recipe's values at random: each trial is trained, its maps are scored on the data set's val
split (in the layout of Choe et al., train-fullsup), and the table of trials and the best overrides are printed. The
test split is never read. The same command resumes; more recipe.trials go on from those that are done.

  wsol tune recipe=shapes dataset=shapes model=shapes_vgg_gap out=runs/tuned recipe.trials=10
  wsol tune recipe=choe2020_cub dataset=cub model=vgg16_gap technique=has out=runs/has
  wsol tune ... method=cam protocol=choe2020_v2      what is scored (these two by default)
  wsol tune ... method=cam protocol=[] metric=pxap   for masks

What is searched is in the recipe: wsol show recipe NAME. Needs the extra train: pip install 'wsol[train]'.
"""

SCORED = {"method": "cam", "protocol": "choe2020_v2", "metric": "[]"}


def main(words: Sequence[str]) -> int:
    """Search; the table of trials and the best overrides are on stdout."""
    parser = Command("tune", DESCRIPTION, overrides=True)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=NAME, group.option=VALUE")
    given = [Word.of(text) for text in parser.read(words).overrides]
    scored = [word for word in given if word.group in SCORED or word.group == "view"]
    trained = [str(word) for word in given if word not in scored]
    settings = settings_of(trained)
    _check_split(settings)
    from wsol.report.tables.render import print_table
    from wsol.training.job import job_from
    from wsol.training.search import best_of, run_search, space_of, spelled

    job = job_from(settings)
    technique = job.technique.info.key
    chosen = [*(f"{group}={name}" for group, name in SCORED.items()), *map(str, scored)]
    _check_scored([word for word in given if word.group == "model" or word in scored])
    trials = run_search(
        out_of(settings),
        space_of(job.file.search, technique, job.file.name),
        _evaluation(trained, chosen),
        trials=job.recipe.trials,
        seed=job.seed,
        identity=f"{job.file.name} {job.technique_name} {job.start.design.network} seed {job.seed} {' '.join(chosen)}",
    )
    best = best_of(trials)
    rows = [
        {"trial": one.number + 1, **one.values, "objective": "diverged" if one.diverged else f"{one.objective:.2f}"}
        for one in trials
    ]
    print_table([{key: _shown(value) for key, value in row.items()} for row in rows])
    print(f"\nBest of {len(trials)}: trial {best.number + 1}, {best.objective:.2f} on split {settings['val_split']}.")
    print(spelled(best.values))
    return 0


def _check_split(settings: Mapping[str, Any]) -> None:
    """Raises ConfigError where trials would be scored on what they are trained on, or on the test split."""
    split = settings["val_split"]
    if "split" not in settings["dataset"]:
        raise ConfigError(
            f"dataset {settings['dataset'].get('name')} has no splits, so there is no other one to score trials on; "
            "give a data set with train and val"
        )
    if split in ("test", settings["train_split"]):
        raise ConfigError(f"val_split={split}: choose on another split than the one that is trained or tested on")


def _check_scored(words: Sequence[Word]) -> None:
    """Raises WsolError for what trials can't be scored by, before anything is trained or written."""
    from wsol.settings import compose_settings

    compose_settings(list(map(str, words)))


def _evaluation(trained: Sequence[str], scored: Sequence[str]) -> Callable[[Mapping[str, Any], Path], float]:
    """What trains and scores one trial."""

    def evaluate(values: Mapping[str, Any], folder: Path) -> float:
        from wsol.cli.launch import outcome
        from wsol.settings import compose_settings
        from wsol.training.job import run_training
        from wsol.training.search import spelled

        words = [word for word in trained if not word.startswith(("out=", "recipe.trials="))]
        overrides = spelled(values).split()
        settings = settings_of([*words, *overrides, f"out={folder}"])
        weights = run_training(settings)
        kept = [word for word in words if Word.of(word).group in ("dataset", "engine", "paths", "seed")]
        run = [*kept, f"model={weights}", *scored, "table=false", "gallery=0", f"paths.runs={folder / 'rows'}"]
        evaluated = compose_settings(run)
        evaluated["dataset"] = {**evaluated["dataset"], "split": settings["val_split"]}
        return outcome(evaluated).value

    return evaluate


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
