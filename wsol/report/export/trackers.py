"""A run's numbers in other people's dashboards, each through its own library: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError

if TYPE_CHECKING:
    from wsol.report.numbers.summary import Summary

EXPERIMENT = "wsol"  # the name runs are found under in MLflow


def scalars(summary: Summary) -> Iterator[tuple[str, float]]:
    """Names and values of all numbers and costs: ``choe2020_v1/maxboxacc/gradcam-stage5``, percentages as 0 to 100."""
    for cell in summary.cells:
        yield _name(cell.measure, cell.metric, summary.variants[cell.variant].id), cell.value
    for variant, costs in summary.costs.items():
        for name, value in costs.items():
            yield _name("cost", name, summary.variants[variant].id), value


def to_tensorboard(summary: Summary, folder: Path) -> str:
    """Scalars as an event file in `folder`, written beside it and moved there; returns the run's folder in it."""
    writer_of = _library("tensorboard.summary", "tensorboard").Writer
    place = folder / summary.run
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".wsol-", dir=folder) as beside:
        with closing(writer_of(beside)) as writer:
            for name, value in scalars(summary):
                writer.add_scalar(name, value, 0)
        for file in Path(beside).iterdir():
            file.replace(place / file.name)
    return str(place)


def to_mlflow(summary: Summary, uri: str) -> str:
    """A run in an MLflow store with parameters, metrics and the whole table; returns the run's id."""
    mlflow = _library("mlflow", "mlflow-skinny")
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=summary.run) as run:
        mlflow.log_params({k: str(v) for k, v in summary.manifest.get("identity", {}).items()})
        mlflow.log_metrics({name: value for name, value in scalars(summary) if value == value})
        mlflow.log_dict({"numbers": summary.records()}, "numbers.json")
        return str(run.info.run_id)


def to_wandb(summary: Summary, project: str) -> str:
    """A run in a Weights & Biases project with a summary and the table; WANDB_MODE=offline keeps it here."""
    wandb = _library("wandb", "wandb")
    run = wandb.init(project=project, name=summary.run, config=dict(summary.manifest.get("identity", {})))
    run.summary.update({name: value for name, value in scalars(summary) if value == value})
    columns = ("variant", "protocol", "metric", "value", "low", "high", "n")
    rows = [[record[name] for name in columns] for record in summary.records()]
    run.log({"numbers": wandb.Table(columns=list(columns), data=rows)})
    run.finish()
    return str(run.id)


def _name(*parts: str) -> str:
    """Letters, digits, and what all three accept."""
    return "/".join(re.sub(r"[^\w.-]+", "-", part).strip("-") for part in parts)


def _library(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{package} is not installed ({error}); install it with: pip install 'wsol[trackers]'"
        ) from error
