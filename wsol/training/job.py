"""From plain settings, as Hydra composed them, to a finished training."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import distributed

from wsol.errors import ConfigError, WsolError, unknown
from wsol.evaluation.device import engine_of
from wsol.grammar import spell
from wsol.models.trained import FILE
from wsol.options import WholeNumber, build, defaults, option
from wsol.settings.records import Engine, ModelSpec
from wsol.training.checkpoint import TrainingFolder
from wsol.training.data import Images, TrainingData, training_data
from wsol.training.images import TrainingImages
from wsol.training.loop import Training, train
from wsol.training.network import Start, starting_network
from wsol.training.output import write_output
from wsol.training.recipe import Recipe
from wsol.training.recipe_file import GIVEN, RecipeFile, Value, read_recipe, settle
from wsol.training.technique import Technique, techniques

log = logging.getLogger(__name__)

GROUPS = ("dataset", "model", "recipe", "technique", "engine", "paths")
WORKERS = 8  # processes that read images, at most


@dataclass(frozen=True, kw_only=True)
class General:
    """The settings in no group."""

    seed: WholeNumber = option(0, help="of all random numbers")
    out: str = option(help="the folder of the training; the same command resumes what is there")
    train_split: str = option("train", help="the data set's split to train on")
    val_split: str = option("val", help="the data set's split for recipe.check=val")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training with everything it needs.

    Attributes
    ----------
    facts : the recipe's values with their sources. technique_name : with its options, ``has[drop=0.5]``.
    identity : what decides the weights.
    """

    file: RecipeFile
    recipe: Recipe
    facts: Mapping[str, Value]
    technique: Technique
    technique_name: str
    data: TrainingData
    start: Start
    engine: Engine
    seed: int
    out: Path
    identity: Mapping[str, Any]

    @property
    def checked_on(self) -> str:
        """The images whose accuracy is logged; empty for none."""
        return "" if self.data.check is None else self.data.check.name


def run_training(settings: Mapping[str, Any]) -> Path:
    """Train, or resume, what plain settings describe; the file of weights. A finished training is left as it is.

    Raises
    ------
    WsolError : a wrong name or value, data or weights that don't fit, a folder that holds another training.
    """
    job = job_from(settings)
    folder = TrainingFolder(job.out, job.identity)
    is_new = is_main_process() and folder.claim()
    if folder.result is not None and (job.out / FILE).is_file():
        log.info("%s is trained: nothing to do", job.out)
        return job.out / FILE
    log.info(
        "%s: %s by %s[%s], %d images, %d classes, seed %d, %s",
        *(job.out, job.start.design.network, job.file.name, job.technique_name, len(job.data.train.samples)),
        *(job.start.design.num_classes, job.seed, job.engine.device),
    )
    try:
        state = train(_training(job), folder)
    except WsolError:  # of a wrong value, which the corrected command would be told to be another training
        if is_new:
            folder.release()
        raise
    if is_main_process():
        result = write_output(job, state)
        folder.finish(result)
        accuracy = "" if result["accuracy"] is None else f", accuracy {result['accuracy']:.2f} % on {job.checked_on}"
        log.info("trained: %s%s", job.out / FILE, accuracy)
    if distributed.is_initialized():
        distributed.barrier()  # a training may follow that starts from the file
    return job.out / FILE


def job_from(settings: Mapping[str, Any]) -> Job:
    """Data, network, recipe and technique of plain settings. A recipe that comes first is trained here."""
    general = _general(settings)
    spec = build(ModelSpec, settings["model"], where="model")
    file, given = read_recipe(_recipe_name(settings), settings["recipe"])
    chosen = dict(settings["technique"])
    key = str(chosen.pop("name"))
    cls = techniques[key]
    recipe, facts, others = settle(file, given, model=spec.name, technique=key)
    technique, options = _technique(cls, chosen, others)
    spec = _model_spec(spec, others)
    if recipe.first is not None and spec.weights is None:
        spec = dataclasses.replace(spec, weights=_first(settings, recipe.first, general))
    data = training_data(
        settings["dataset"],
        recipe,
        _of("dataset", others),
        train_split=general.train_split,
        val_split=general.val_split,
        seed=general.seed,
    )
    start = starting_network(
        spec,
        recipe,
        num_classes=data.classes(spec.num_classes),
        class_names=tuple(data.train.dataset.class_names),
        seed=general.seed,
        head=cls.info.head,
    )
    technique.configure(start.classifier.module)
    typed = {f"technique.{name}": value for name, value in chosen.items() if value is not None}
    used = {f"dataset.{name}": data.options[name] for name in _of("dataset", others)}
    used |= {f"model.{name}": getattr(spec, name, None) for name in _of("model", others)}
    typed |= {name: value for name, value in used.items() if value != others[name]}
    facts = {**facts, **{name: Value(value, GIVEN, "own choice") for name, value in typed.items()}}
    return Job(
        file=file,
        recipe=recipe,
        facts=facts,
        technique=technique,
        technique_name=spell(key, options=options),
        data=data,
        start=start,
        engine=engine_of(settings),
        seed=general.seed,
        out=Path(general.out).expanduser(),
        identity={
            "recipe": dataclasses.asdict(recipe) | {"save_minutes": None, "trials": None},
            "technique": spell(key, options=options),
            "network": dataclasses.asdict(start.design),
            "start": start.origin,
            "data": data.identity,
            "seed": general.seed,
        },
    )


def is_main_process() -> bool:
    """Whether this process writes: under torchrun, the one of rank 0."""
    return int(os.environ.get("RANK", "0")) == 0


def _training(job: Job) -> Training:
    def images(of: Images) -> TrainingImages:
        side = job.start.design.input_size
        return TrainingImages(of.dataset, of.samples, job.recipe, side=side, seed=job.seed)

    return Training(
        recipe=job.recipe,
        technique=job.technique,
        start=job.start,
        train=images(job.data.train),
        check=None if job.data.check is None else images(job.data.check),
        device=job.engine.device,
        workers=0 if job.recipe.cache else min(job.engine.thread_count, WORKERS),
        seed=job.seed,
    )


def _general(settings: Mapping[str, Any]) -> General:
    known = [*GROUPS, *(f.name for f in dataclasses.fields(General))]
    for key in settings:
        if key not in known:
            raise unknown("setting", key, known, see="wsol train --help", error=ConfigError)
    for group in ("recipe", "dataset", "model", "technique"):
        if not settings.get(group):
            raise ConfigError(f"say which {group}: {group}=NAME. See: wsol list {group}s")
    values = {key: value for key, value in settings.items() if key not in GROUPS}
    if values.get("out") in (None, ""):
        raise ConfigError("say where the training goes: out=DIR")
    return build(General, {**values, "out": str(values["out"])}, where="")


def _recipe_name(settings: Mapping[str, Any]) -> str:
    return str(settings.get("recipe", {}).get("name") or "given")


def _of(group: str, others: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a recipe sets of a group: ``dataset.n`` as ``n``."""
    return {key.partition(".")[2]: value for key, value in others.items() if key.startswith(f"{group}.")}


def _technique(
    cls: type[Technique], given: Mapping[str, Any], others: Mapping[str, Any]
) -> tuple[Technique, dict[str, Any]]:
    """The technique, and its options that differ from their defaults: what was given comes before the recipe's."""
    plain = defaults(cls)
    values = {name: value for name, value in _of("technique", others).items() if value is not None}
    values |= {name: value for name, value in given.items() if value is not None}
    made = build(cls, {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}, where="technique")
    options = {name: getattr(made, name) for name in plain}
    return made, {name: value for name, value in options.items() if value != plain[name]}


def _model_spec(spec: ModelSpec, others: Mapping[str, Any]) -> ModelSpec:
    """The network's options, those that a recipe sets included; what was given comes first."""
    values = {name: value for name, value in _of("model", others).items() if getattr(spec, name, None) is None}
    return build(ModelSpec, {**dataclasses.asdict(spec), **values}, where="model")


def _first(settings: Mapping[str, Any], name: str, general: General) -> str:
    """The weights of the recipe that comes before, trained in a folder inside."""
    from wsol.settings import choices

    if choices.config_file("recipe", name) is None:
        raise unknown("recipe", name, choices.config_names("recipe"), see="wsol list recipes", error=ConfigError)
    node = {"name": name, **choices.content("recipe", name)}
    before = {**settings, "recipe": node, "technique": {"name": "cam"}, "out": str(Path(general.out) / "first")}
    model = {**settings["model"], "head": None, "weights": "random"}
    return str(run_training({**before, "model": model}))
