"""One job of `wsol run`: its rows, its table, its figures. Nothing below this file sees a DictConfig."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from wsol.cli.table import VAL, settings_of
from wsol.environment import versions
from wsol.errors import ConfigError, RowsFailed
from wsol.evaluation.adopt import adopt
from wsol.evaluation.build import experiment_from
from wsol.evaluation.engines import Part, run_local
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.profile import Profile
from wsol.evaluation.shard import is_complete
from wsol.report.tables.render import print_table
from wsol.runs.folder import RunFolder
from wsol.runs.knobs import check_knobs

log = logging.getLogger(__name__)

STUDIES = ("ablation-", "knobs-")  # figures of what an experiment varies


def run_job(config: DictConfig) -> None:
    """Run one composed configuration and print its table on stdout."""
    settings, profile = _plain(config), Profile()
    taus = settings.get("tau_from") or ["oracle"]
    taus = [taus] if isinstance(taus, str) else [str(tau) for tau in taus]
    chosen_on = Path(settings["paths"]["runs"])
    settings_of(["oracle" if tau == VAL else tau for tau in taus], chosen_on, n_resamples=1)  # refuses wrong ones
    if settings.get("figures") not in (None, "svg", "png", "pdf"):
        raise ConfigError(f"figures={settings['figures']} is not a kind of figure; use svg, png, pdf or null")
    to_come = 0
    if VAL in taus:
        if "split" not in settings["dataset"]:
            raise ConfigError(
                f"tau_from=val: dataset {settings['dataset'].get('name')} has no split option; run its other split "
                "first and give tau_from=val:RUN"
            )
        _, _, to_come = _run({**settings, "dataset": {**settings["dataset"], "split": VAL}}, profile)
    experiment, folder, own = _run(settings, profile)
    if not to_come + own:
        with profile.stage("table"):
            _show(experiment, folder, taus, settings)
    log.info("rows: %s", folder.path)
    if settings.get("profile"):
        print_table(profile.table(), sys.stderr)
    if failed := folder.failed(experiment.work):
        first = next(iter(failed))
        image_id, line = failed[first][0]
        raise RowsFailed(
            f"{len(failed)} of {len(experiment.variants)} variants failed on some images, "
            f"first {first} on {image_id}: {line}; all other rows are complete"
        )


def _show(experiment: Experiment, folder: RunFolder, taus: Sequence[str], settings: Mapping[str, Any]) -> None:
    """The table of what was asked for, on stdout, and its figures."""
    from wsol.report.numbers.summary import RESAMPLES, summarize
    from wsol.report.tables.show import show

    asked, measures = {v.key for v in experiment.variants}, {measure for _, measure in experiment.work}
    if settings.get("table", True):
        drawn = settings_of(taus, folder.path.parent, n_resamples=RESAMPLES, of=folder)
        show(summarize(folder, variants=asked, measures=measures, settings=drawn), sys.stdout)
    if settings.get("figures"):
        from wsol.report.figures.write import write_figures

        out, style = folder.path / "figures", str(settings["figures"])
        try:
            files = write_figures(folder, out, style=style, variants=asked, measures=measures, only=STUDIES)
            log.info("figures: %s", ", ".join(map(str, files)) or "nothing was varied")
        except ConfigError as error:  # the rows are there, and matplotlib is an extra
            log.warning("no figure: %s", error)


def _run(settings: Mapping[str, Any], profile: Profile) -> tuple[Experiment, RunFolder, int]:
    """Compute what is missing; with the number of shards that other parts still owe."""
    part = Part.parse((settings.get("engine") or {}).get("part"))
    with redirect_stdout(sys.stderr), profile.stage("load data and network"):  # a network's prints are not results
        experiment = experiment_from(settings)
    folder = RunFolder(Path(settings["paths"]["runs"]) / experiment.folder_name)
    check_knobs({p.name: p.knobs for p in experiment.protocols}, folder.footers(), where=folder.path)
    folder.write_manifest(experiment.manifest(versions()))
    log.info(
        "%s: %d images, %d variants, %d protocols, %d metrics, %s",
        folder.name,
        len(experiment.samples),
        len(experiment.variants),
        len(experiment.protocols),
        len(experiment.metrics),
        experiment.numerics.device,
    )
    adopt(experiment, folder)
    with redirect_stdout(sys.stderr):
        run_local(experiment, folder, part, profile=profile)
    folder.write_manifest(experiment.manifest(versions()))  # the newest finished run is `latest`
    to_come = sum(not is_complete(experiment, shard, folder) for shard in experiment.shards)
    if to_come:
        log.info("part %s is done; the other parts still owe %d of %d shards", part, to_come, len(experiment.shards))
    return experiment, folder, to_come


def _plain(config: DictConfig) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except Exception as error:
        raise ConfigError(" ".join(str(error).split())) from error
    if not isinstance(plain, dict):
        raise ConfigError("the configuration is not a mapping")
    return {str(k): v for k, v in plain.items()}
