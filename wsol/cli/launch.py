"""One job of `wsol run`: its rows, its table, its figures. Nothing below this file sees a DictConfig."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from wsol.environment import versions
from wsol.errors import ConfigError, DataError, RowsFailed
from wsol.evaluation.adopt import adopt
from wsol.evaluation.build import experiment_from, general_of
from wsol.evaluation.claims import claimed
from wsol.evaluation.device import engine_of
from wsol.evaluation.engines import Part
from wsol.evaluation.engines.ranks import Rank
from wsol.evaluation.engines.rounds import incomplete
from wsol.evaluation.engines.run import run
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.forecast import forecast, is_cheap
from wsol.evaluation.profile import Profile
from wsol.report.numbers.thresholds import NOT_HELD_OUT, VAL, settings_of
from wsol.report.tables.render import print_table
from wsol.runs.folder import RunFolder
from wsol.runs.knobs import check_knobs
from wsol.settings.recompute import recomputing
from wsol.settings.records import General

if TYPE_CHECKING:
    from wsol.report.numbers.summary import Summary

log = logging.getLogger(__name__)

STUDIES = ("ablation-", "knobs-")  # figures of what an experiment varies


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: its headline number, NaN where there is none, and where its rows are.

    Attributes
    ----------
    variants, measures : those that the job asked for, among all that the run holds.
    taus : where swept thresholds come from.
    """

    value: float = math.nan
    folder: Path | None = None
    variants: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    taus: tuple[str, ...] = ()

    def __float__(self) -> float:
        """What a sweeper optimizes."""
        return self.value


def show_together(outcomes: Sequence[Outcome]) -> None:
    """One table of the rows of several jobs, on stdout."""
    from wsol.report.numbers.settings import RESAMPLES
    from wsol.report.numbers.summary import summarize
    from wsol.report.tables.show import show

    summaries = []
    for one in outcomes:
        if one.folder is not None:
            folder = RunFolder(one.folder)
            drawn = settings_of(one.taus, one.folder.parent, n_resamples=RESAMPLES, of=folder)
            summaries.append(summarize(folder, variants=one.variants, measures=one.measures, settings=drawn))
    if summaries:
        show(summaries, sys.stdout)


def outcome(settings: Mapping[str, Any], *, dry: bool = False, table: bool = True) -> Outcome:
    """Run composed settings and print the table, or with `dry` what would be run; without `table` log messages only."""
    profile, general = Profile(), general_of(settings)
    asked = general.table
    shows = Rank.here().first
    general = replace(general, table=general.table and table and shows, figures=general.figures if shows else None)
    several = general.tau_from if isinstance(general.tau_from, tuple) else (general.tau_from,)
    taus = [str(tau) for tau in several if tau is not None] or ["oracle"]
    runs = Path(settings["paths"]["runs"])
    settings_of(["oracle" if tau == VAL else tau for tau in taus], runs, n_resamples=1)  # refuses wrong ones
    if dry:
        experiment = _experiment(settings, profile)
        _print_forecast(experiment, sys.stdout)
        engine = engine_of(settings)
        if engine.runner:
            print(f"\n{import_module(engine.runner).script(runs / experiment.folder_name, engine)}")
        return Outcome()
    to_come = 0
    if VAL in taus:
        if "split" not in settings["dataset"]:
            raise ConfigError(
                f"tau_from=val: dataset {settings['dataset'].get('name')} has no split option; run its other split "
                "first and give tau_from=val:RUN"
            )
        if settings["dataset"]["split"] == VAL:
            raise ConfigError(f"tau_from=val: {NOT_HELD_OUT}")
        _, _, to_come, given_up = _run({**settings, "dataset": {**settings["dataset"], "split": VAL}}, profile)
        if given_up:
            raise given_up
    claims = [general.claim] if isinstance(general.claim, str) else list(general.claim or ())
    experiment, folder, missing, given_up = _run(settings, profile, claims=claims, tau=taus[0])
    value = math.nan
    if given_up:
        with suppress(DataError):  # there are no rows at all
            _show(experiment, folder, taus, general)
        raise given_up
    if not to_come + missing:
        with profile.stage("table"):
            value = _show(experiment, folder, taus, general)
    log.info("rows: %s", folder.path)
    if general.profile:
        print_table(profile.table(), sys.stderr)
    if failed := folder.failed(experiment.work):
        first = next(iter(failed))
        image_id, line = failed[first][0]
        raise RowsFailed(
            f"{len(failed)} of {len(experiment.variants)} variants failed on some images, "
            f"first {first} on {image_id}: {line}; all other rows are complete"
        )
    variants, measures = frozenset(v.key for v in experiment.variants), frozenset(m for _, m in experiment.work)
    return Outcome(value, folder.path if asked and not to_come + missing else None, variants, measures, tuple(taus))


def _show(experiment: Experiment, folder: RunFolder, taus: Sequence[str], general: General) -> float:
    """The table of what was asked for, on stdout, and its figures; returns the headline number."""
    from wsol.report.numbers.settings import RESAMPLES
    from wsol.report.numbers.summary import summarize
    from wsol.report.tables.show import show

    variants, measures = {v.key for v in experiment.variants}, {measure for _, measure in experiment.work}
    drawn = settings_of(taus, folder.path.parent, n_resamples=RESAMPLES if general.table else 1, of=folder)
    summary = summarize(folder, variants=variants, measures=measures, settings=drawn)
    if general.table:
        show(summary, sys.stdout)
    if general.figures:
        from wsol.report.figures.write import write_figures

        out = folder.path / "figures"
        try:
            files = write_figures(
                folder, out, style=general.figures, variants=variants, measures=measures, only=STUDIES
            )
            log.info("figures: %s", ", ".join(map(str, files)) or "nothing was varied")
        except ConfigError as error:  # the rows are there, and matplotlib is an extra
            log.warning("no figure: %s", error)
    return headline(summary)


def _print_forecast(experiment: Experiment, stream: TextIO) -> None:
    """A line per variant, then the predicted time and memory."""
    prediction = forecast(experiment)
    rows = []
    for variant in experiment.variants:
        costs = prediction.costs.get(variant.key, {})
        rows.append(
            {
                "variant": variant.id,
                "images": prediction.images[variant.key],
                "forwards": _shown(costs.get("forwards")),
                "backwards": _shown(costs.get("backwards")),
                "partial": _shown(costs.get("partial_forwards")),
                "ms": _shown(costs.get("ms")),
                "peak MB": _shown(costs.get("peak_mb")),
            }
        )
    print_table(rows, stream)
    most = max((costs.get("peak_mb", 0.0) for costs in prediction.costs.values()), default=0.0)
    print(f"\nPasses, ms and MB are per image, measured on few images on {experiment.numerics.device}.", file=stream)
    print(
        f"{len(experiment.samples)} images, {len(experiment.variants)} variants; {prediction.sentence}; "
        f"peak memory about {most:.0f} MB beside the network.",
        file=stream,
    )


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def headline(summary: Summary) -> float:
    """The best main number under the first measure, of methods before all other rows; NaN where there is none."""
    cells = [cell for cell in summary.cells if cell.quantity.headline and math.isfinite(cell.value)]
    first = [cell for cell in cells if cell.measure == cells[0].measure]
    methods = [cell for cell in first if summary.variants[cell.variant].role == "method"] or first
    values = [cell.value for cell in methods]
    if not values:
        return math.nan
    return max(values) if methods[0].quantity.higher_is_better else min(values)


def _experiment(settings: Mapping[str, Any], profile: Profile) -> Experiment:
    """What the settings describe; a network's prints go to stderr, since they are not results."""
    with redirect_stdout(sys.stderr), profile.stage("load data and network"):
        return experiment_from(settings)


def _run(
    settings: Mapping[str, Any], profile: Profile, *, claims: Sequence[str] = (), tau: str = "oracle"
) -> tuple[Experiment, RunFolder, int, RowsFailed | None]:
    """Compute what is missing, behind the claims; with the number of shards that other parts still owe.

    The last is what was given up, if anything was.

    Parameters
    ----------
    tau : where the first column's swept thresholds come from, and those of the claims.
    """
    part = Part.parse((settings.get("engine") or {}).get("part"))
    experiment = _experiment(settings, profile)
    folder = RunFolder(Path(settings["paths"]["runs"]) / experiment.folder_name)
    check_knobs({p.name: p.knobs for p in experiment.protocols}, folder.footers(), where=folder.path)
    manifest = {**experiment.manifest(versions()), "recompute": recomputing(settings)}
    if claims:
        written = claimed(claims, experiment, folder, tau=tau)
        manifest["claims"] = [claim.to_plain() for claim in written]
    folder.write_manifest(manifest)
    log.info(
        "%s: %d images, %d variants, %d protocols, %d metrics, %s",
        folder.name,
        len(experiment.samples),
        len(experiment.variants),
        len(experiment.protocols),
        len(experiment.metrics),
        experiment.numerics.device,
    )
    sets = any(node.get("optional") for node in (settings.get("methods") or {}).values())  # such as method=all
    if sets and is_cheap(experiment):
        log.info("%s", forecast(experiment).sentence)
    if Rank.here().first:
        adopt(experiment, folder)
    given_up = None
    with redirect_stdout(sys.stderr):
        try:
            run(experiment, folder, settings, profile=profile)
        except RowsFailed as error:
            given_up = error
    folder.write_manifest({k: v for k, v in manifest.items() if k != "claims"})  # the newest finished run is `latest`
    to_come = len(incomplete(experiment, folder, experiment.shards))
    if to_come and not given_up:
        log.info("part %s is done; the other parts still owe %d of %d shards", part, to_come, len(experiment.shards))
    return experiment, folder, to_come, given_up
