"""From published cells to experiments, as few runs as they fit in, and back to our numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.environment import benchmarks_dir, versions
from wsol.errors import DataError, ModelError, WsolError
from wsol.evaluation.build import chosen_protocols, engine_of, experiment_from, general_of, load_dataset
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment
from wsol.maps.fixed import SIDE, is_fixed
from wsol.methods._base import methods
from wsol.methods._variants import expand
from wsol.registry import load_file
from wsol.report.numbers.summary import summarize
from wsol.runs.folder import RunFolder
from wsol.settings import compose_settings
from wsol.settings.words import Word
from wsol.views import view_from

if TYPE_CHECKING:
    from wsol.published.beside import Benchmark, Published
    from wsol.report.numbers.quantity import Cell

WHOLE = {  # images of the published splits, by the end of their metadata folder (Choe et al., 2020)
    "ILSVRC/test": 50_000,
    "ILSVRC/val": 10_000,
    "CUB/test": 5_794,
    "CUB/val": 1_000,
    "OpenImages/test": 5_000,
    "OpenImages/val": 2_500,
}


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
) -> tuple[dict[str, Plan], dict[tuple[str, ...], str]]:
    """By cell id what computes it, and by overrides why nothing does. Loads data and networks, runs nothing."""
    made: dict[tuple[str, ...], Plan] = {}
    reasons: dict[tuple[str, ...], str] = {}
    if "plugin" in benchmark.needs:  # a file beside the tables, with the methods that they are of
        load_file(benchmarks_dir() / benchmark.needs["plugin"])
    for words in dict.fromkeys(cell.overrides for cell in cells):
        try:
            made[words] = _planned(words, benchmark, overrides, allow_changes=allow_changes)
        except WsolError as error:
            reasons[words] = str(error)
    return {cell.id: made[cell.overrides] for cell in cells if cell.overrides in made}, reasons


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
                mine = [c for c in mine if cell.protocol in (c.measure, summary.base_of(c.measure))]
                numbers |= {cell.id: mine[0]} if mine else {}
    return numbers


def _planned(words: Sequence[str], benchmark: Benchmark, overrides: Sequence[str], *, allow_changes: bool) -> Plan:
    changed = {Word.of(word).key for word in overrides}
    settings = compose_settings([word for word in words if Word.of(word).key not in changed] + list(overrides))
    runs = Path(settings["paths"]["runs"])
    chosen = [str(options.get("method", name)) for name, options in (settings.get("methods") or {}).items()]
    if not settings.get("metrics") and all(is_fixed(methods[name].info) for name in chosen):
        experiment = boxes_experiment(settings)
    else:
        if settings["model"].get("weights") is None:
            settings["model"]["weights"] = _weights(benchmark, settings["model"]["name"], allow_changes=allow_changes)
        experiment = experiment_from(settings)
        if experiment.weights_name.startswith("random") and not allow_changes:
            raise ModelError(f"random weights compute no number of {benchmark.name}; give model.weights=FILE")
    _check_images(
        settings["dataset"], len(experiment.samples), allow_changes=allow_changes
    )  # reads the annotations: now or never
    return Plan(experiment, runs)


def _weights(benchmark: Benchmark, model: str, *, allow_changes: bool) -> str | None:
    """What to load where nobody said: what the table names, else the network's own if they may stand in."""
    wanted = benchmark.checkpoint
    if wanted == "FILE" and not allow_changes:
        needs = benchmark.needs.get("weights")
        raise ModelError(f"{model} needs other weights than its default ones ({needs}); give model.weights=FILE")
    return None if wanted == "FILE" else wanted


def _check_images(node: Mapping[str, Any], count: int, *, allow_changes: bool) -> None:
    """Refuse half a split: published numbers are of all its images, or of those that the table's own limit leaves."""
    metadata = Path(str(node.get("metadata", "")))
    whole = WHOLE.get("/".join(metadata.parts[-2:]))
    if whole is not None and not allow_changes and count != min(whole, node.get("limit") or whole):
        raise DataError(
            f"{metadata} lists {count} images, and the published numbers are of {whole}; "
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
