"""From published cells to experiments, as few runs as they fit in, and back to our numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.environment import benchmarks_dir, versions
from wsol.errors import DataError, ModelError, WsolError
from wsol.evaluation.build import chosen_protocols, experiment_from, general_of, load_dataset
from wsol.evaluation.device import engine_of
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment
from wsol.maps.fixed import SIDE, is_fixed
from wsol.methods._base import methods
from wsol.methods._variants import expand
from wsol.published.steps import merged, trained_weights
from wsol.registry import load_file
from wsol.report.numbers.summary import summarize
from wsol.runs.folder import RunFolder
from wsol.settings import compose_settings
from wsol.views import view_from

if TYPE_CHECKING:
    from wsol.published.beside import Benchmark, Published
    from wsol.report.numbers.quantity import Cell

Work = tuple[tuple[str, ...], tuple[str, ...]]  # see `Published.work`


@dataclass(frozen=True, slots=True)
class Plan:
    """What computes a cell, and where its rows go; experiments of one folder are run as one."""

    experiment: Experiment
    runs: Path

    @property
    def path(self) -> Path:
        return self.runs / self.experiment.folder_name


def plan(
    cells: Sequence[Published], benchmark: Benchmark, overrides: Sequence[str], *, allow_changes: bool
) -> tuple[dict[str, Plan], dict[Work, str]]:
    """By cell id what computes it, and by `Published.work` why nothing does. Loads data and networks, runs nothing."""
    made: dict[Work, Plan] = {}
    reasons: dict[Work, str] = {}
    if "plugin" in benchmark.needs:  # a file beside the tables, with the methods that they are of
        load_file(benchmarks_dir() / benchmark.needs["plugin"])
    for cell in {cell.work: cell for cell in cells}.values():
        try:
            made[cell.work] = _planned(cell, benchmark, overrides, allow_changes=allow_changes)
        except WsolError as error:
            reasons[cell.work] = str(error)
    return {cell.id: made[cell.work] for cell in cells if cell.work in made}, reasons


def run(plans: Mapping[str, Plan], cells: Sequence[Published], *, n_resamples: int) -> dict[str, Cell]:
    """Compute what is missing in all folders; by cell id our number, where its rows have one."""
    numbers: dict[str, Cell] = {}
    for path in dict.fromkeys(plan.path for plan in plans.values()):
        plans_here = {id_: plan for id_, plan in plans.items() if plan.path == path}
        experiment = _together([plan.experiment for plan in plans_here.values()])
        folder = RunFolder(path)
        folder.write_manifest(experiment.manifest(versions()))
        run_local(experiment, folder)
        variants, measures = {v.key for v in experiment.variants}, {measure for _, measure in experiment.work}
        summary = summarize(folder, variants=variants, measures=measures, n_resamples=n_resamples)
        for cell in cells:
            if cell.id in plans_here:
                key = plans_here[cell.id].experiment.variants[0].key
                mine = [c for c in summary.cells if c.variant == key and c.metric == cell.metric]
                exact = [c for c in mine if c.measure == cell.protocol]  # beside ones that are derived from it
                mine = exact or [c for c in mine if summary.base_of(c.measure) == cell.protocol]
                numbers |= {cell.id: mine[0]} if mine else {}
    return numbers


def _planned(cell: Published, benchmark: Benchmark, overrides: Sequence[str], *, allow_changes: bool) -> Plan:
    settings = compose_settings(merged(cell.overrides, overrides))
    runs = Path(settings["paths"]["runs"])
    chosen = [str(options.get("method", name)) for name, options in (settings.get("methods") or {}).items()]
    if not settings.get("metrics") and all(is_fixed(methods[name].info) for name in chosen):
        experiment = boxes_experiment(settings)
    else:
        if settings["model"].get("weights") is None:
            model, trained = settings["model"]["name"], trained_weights(cell, runs)
            found = trained is not None and trained.is_file()
            settings["model"]["weights"] = (
                str(trained) if found else _weights(benchmark, cell, model, allow_changes=allow_changes)
            )
        experiment = experiment_from(settings)
        if experiment.weights_name.startswith("random") and not allow_changes:
            raise ModelError(f"random weights compute no number of {benchmark.name}; give model.weights=FILE")
    images = len(experiment.samples)  # reads the annotations: now or never
    if not allow_changes:
        _check_images(experiment.dataset.key, images, cell.n)
    return Plan(experiment, runs)


def _weights(benchmark: Benchmark, cell: Published, model: str, *, allow_changes: bool) -> str | None:
    """What to load where nobody said: what the table names, else the network's own if they may stand in."""
    wanted = benchmark.checkpoint
    if wanted == "FILE" and not allow_changes:
        needs = benchmark.needs.get("weights")
        train = ", or train them here: --train" if cell.train else ""
        raise ModelError(f"{model} needs other weights than its default ones ({needs}); give model.weights=FILE{train}")
    return None if wanted == "FILE" else wanted


def _check_images(dataset: str, count: int, published: int | None) -> None:
    """Refuse half a split: a published number is of as many images as its cell says."""
    if published is not None and count != published:
        raise DataError(
            f"dataset {dataset} has {count} images here, and the published numbers are of {published}; "
            "add --allow-changes to compare anyway"
        )


def boxes_experiment(settings: Mapping[str, Any]) -> Experiment:
    """The experiment of methods that need neither images nor a network."""
    node = dict(settings["dataset"])
    if "images" in node:
        node["images"] = None
    engine, general = engine_of(settings), general_of(settings)
    return Experiment(
        dataset=load_dataset(node),
        classifier=None,
        variants=expand(settings["methods"], resolve=lambda layer: layer, stages=[]),
        protocols=chosen_protocols(settings),
        metrics=(),
        view=view_from(settings["view"], side=SIDE),
        seed=general.seed,
        shard_size=engine.shard_size,
        threads=engine.thread_count,
    )


def _together(experiments: Sequence[Experiment]) -> Experiment:
    """One experiment with the variants, protocols and metrics of all."""
    return replace(
        experiments[0],
        variants=tuple({v.key: v for one in experiments for v in one.variants}.values()),
        protocols=tuple({p.name: p for one in experiments for p in one.protocols}.values()),
        metrics=tuple({m.name: m for one in experiments for m in one.metrics}.values()),
    )
