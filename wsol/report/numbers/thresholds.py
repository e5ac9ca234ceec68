"""Where swept protocols take their thresholds from: ``oracle``, ``split-half``, ``per-image``, ``val`` or a number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.errors import ConfigError
from wsol.report.numbers.settings import RESAMPLES, Settings
from wsol.runs.find import find_runs, open_run
from wsol.runs.folder import RunFolder

if TYPE_CHECKING:
    from wsol.report.numbers.quantity import TauFrom
    from wsol.runs.schema import Average

VAL = "val"  # the split that thresholds are chosen on
NOT_HELD_OUT = (
    "these images are the val split themselves, so thresholds from it are not held out; choose split-half, or val:RUN "
    "with a run on other images"
)


def settings_of(
    taus: Sequence[str],
    runs: Path,
    *,
    n_resamples: int = RESAMPLES,
    by_class: bool = False,
    skip_failed: bool = False,
    average: Average | None = None,
    main: bool = False,
    of: RunFolder | None = None,
) -> Settings:
    """``oracle,0.2,val:RUN`` as settings of a summary; ``val`` alone is the run like `of` on the val split.

    None at all is ``oracle``.

    Raises ConfigError for a word that is no source, and a number outside [0, 1).
    """
    sources: list[TauFrom | float] = []
    validation = None
    for tau in taus or ("oracle",):
        kind, colon, run = tau.partition(":")
        if kind == VAL and (run or of):
            validation = open_run(run, runs) if run else sibling(of, runs)
        elif (fixed := _number(tau)) is not None:
            sources.append(fixed)
            continue
        elif kind not in ("oracle", "split-half", "per-image") or colon:
            raise ConfigError(
                f"tau {tau}: choose oracle, split-half, per-image, val:RUN with the run of another split, or a fixed "
                "threshold such as 0.2"
            )
        sources.append(cast("TauFrom", kind))
    return Settings(
        taus=list(dict.fromkeys(sources)),
        validation=validation,
        n_resamples=n_resamples,
        by_class=by_class,
        skip_failed=skip_failed,
        average=average,
        main=main,
    )


def _number(text: str) -> float | None:
    """A fixed threshold, or None for a word. Raises ConfigError for a number outside [0, 1)."""
    try:
        tau = float(text)
    except ValueError:
        return None
    if not 0 <= tau < 1:
        raise ConfigError(f"tau {text} is out of range; expected 0 <= tau < 1, a share of the map's maximum")
    return tau


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
