"""A small run on the drawn images with an untrained network."""

from __future__ import annotations

from pathlib import Path

from wsol.evaluation.build import experiment_from
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment
from wsol.runs.folder import RunFolder
from wsol.settings import compose_settings

BASE = (
    "dataset.n=12",
    "model.weights=random",
    "protocol=[choe2020_v1,choe2020_v2,gradcam2017]",
    "engine.shard_size=8",
    "engine.batch_size=4",
    "gallery=9",
)
METRIC = "metrics.rise2018_dataset.sample=2"
NO_METRIC = "metric=[]"  # its forwards take most of the time
METHODS = "method=[centergauss,fullbox,gradcam,layercam]"


def made(*overrides: str) -> Experiment:
    """The experiment of the base settings and more."""
    return experiment_from(compose_settings([*BASE, *overrides]))


def ran(experiment: Experiment, runs: Path) -> RunFolder:
    """Run it, or go on with it, as the command line would."""
    folder = RunFolder(runs / experiment.folder_name)
    folder.write_manifest(experiment.manifest({"wsol": "0", "torch": "0"}))
    run_local(experiment, folder)
    return folder
