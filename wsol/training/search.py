"""Random search of a recipe's values by Optuna: trials on disk, each a training that resumes.

What a trial draws depends on the seed and its number alone: a search that was stopped and resumes is the same search.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError, OutputError
from wsol.training.images import seed_of
from wsol.training.loop import Diverged

if TYPE_CHECKING:
    import optuna

    from wsol.training.recipe_file import Search

log = logging.getLogger(__name__)

STORE = "trials.log"
STUDY = "wsol"
WORST = 0.0  # of a trial whose loss is not finite


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that is done: what was drawn, by override (``recipe.lr``), and its result."""

    number: int
    values: Mapping[str, Any]
    objective: float
    diverged: bool


def space_of(search: Iterable[Search], technique: str, recipe: str) -> dict[str, Search]:
    """What is searched for a technique, by override. Raises ConfigError for a recipe without a search."""
    space = {override(one.name): one for one in search if one.technique in ("", technique)}
    if not space:
        raise ConfigError(
            f"recipe {recipe} has no search for technique={technique}; add one to a copy of its file (--config-dir)"
        )
    return space


def override(name: str) -> str:
    """A recipe's name of a value as one would type it: ``recipe.lr``, ``technique.drop_rate``."""
    return name if "." in name else f"recipe.{name}"


def run_search(
    folder: Path,
    space: Mapping[str, Search],
    evaluate: Callable[[Mapping[str, Any], Path], float],
    *,
    trials: int,
    seed: int,
    identity: str,
) -> list[Trial]:
    """Trials up to the number asked for, including those in the folder; in their order.

    Parameters
    ----------
    evaluate : from what was drawn, by override, and the trial's own folder to the number to maximize.
    identity : what else decides the trials; a folder with another one is refused.

    Raises
    ------
    OutputError : the folder holds another search. ConfigError : Optuna is not installed.
    """
    with _study(folder, identity) as study:
        while len(done := _done(study)) < trials:
            number = len(done)
            drawn = _ask(study, space, seed, number)
            values = dict(drawn.params)
            log.info("trial %d of %d: %s", number + 1, trials, spelled(values))
            try:
                objective = evaluate(values, folder / f"trial-{number:03d}")
            except Diverged as error:
                log.warning("trial %d: %s", number + 1, error)
                drawn.set_user_attr("diverged", True)
                objective = WORST
            study.tell(drawn, objective if math.isfinite(objective) else WORST)
        return _done(study)


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial of the highest number; the first of ties."""
    return max(trials, key=lambda trial: (trial.objective, -trial.number))


def spelled(values: Mapping[str, Any]) -> str:
    """The overrides that set what was drawn, as one would type them."""
    return " ".join(f"{key}={_text(value)}" for key, value in sorted(values.items()))


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _ask(study: optuna.Study, space: Mapping[str, Search], seed: int, number: int) -> optuna.Trial:
    """The next trial with all of its values. Those that a stopped process left unfinished are given up first."""
    import optuna

    for left in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(left.number, state=optuna.trial.TrialState.FAIL)
    study.sampler = optuna.samplers.RandomSampler(seed=seed_of(seed, "trial", number) % 2**32)
    trial = study.ask()
    for key, one in space.items():
        low = trial.params[override(one.low)] if isinstance(one.low, str) else one.low
        if one.choices:
            trial.suggest_categorical(key, one.choices)
        elif one.whole:
            trial.suggest_int(key, int(low), int(one.high), log=one.log)
        else:
            trial.suggest_float(key, low, one.high, log=one.log)
    return trial


def _done(study: optuna.Study) -> list[Trial]:
    import optuna

    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    return [
        Trial(number, one.params, float(one.value or 0.0), bool(one.user_attrs.get("diverged")))
        for number, one in enumerate(done)
    ]


@contextmanager
def _study(folder: Path, identity: str) -> Iterator[optuna.Study]:
    """The study on disk, made where there is none. Raises ConfigError or OutputError."""
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ConfigError("wsol tune needs optuna, which is not installed: pip install 'wsol[train]'") from error
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        storage = JournalStorage(JournalFileBackend(str(folder / STORE)))
        study = optuna.create_study(storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True)
        known = study.user_attrs.get("identity")
        if known is None:
            study.set_user_attr("identity", identity)
        elif known != identity:
            raise OutputError(f"out={folder} holds another search ({known}, here {identity}); give another out=DIR")
        yield study
    except OSError as error:
        raise OutputError(f"can't write {folder}: {error.strerror or error}; give another out=DIR") from error
    finally:
        optuna.logging.set_verbosity(verbosity)
