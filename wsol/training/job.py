"""From plain settings, as Hydra composed them, to a finished training."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsol.datasets.base import Dataset, datasets
from wsol.datasets.sample import Sample
from wsol.errors import ConfigError, DataError, unknown
from wsol.evaluation.build import load_dataset
from wsol.evaluation.device import engine_of
from wsol.grammar import spell
from wsol.models.trained import FILE
from wsol.options import WholeNumber, build, defaults, option
from wsol.settings.records import Engine, ModelSpec
from wsol.training.checkpoint import TrainingFolder
from wsol.training.images import TrainingImages, held_out
from wsol.training.loop import Training, train
from wsol.training.network import Start, starting_network
from wsol.training.output import write_output
from wsol.training.recipe import GIVEN, Recipe, RecipeFile, Value, read_recipe, settle
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
    data : the training data set; samples : those to train on; checked : those whose accuracy is logged.
    identity : what decides the weights.
    """

    file: RecipeFile
    recipe: Recipe
    facts: Mapping[str, Value]
    technique: Technique
    technique_name: str
    data: Dataset
    samples: tuple[Sample, ...]
    check_data: Dataset
    checked: tuple[Sample, ...]
    trained_on: str
    checked_on: str
    start: Start
    engine: Engine
    seed: int
    out: Path
    identity: Mapping[str, Any]

    @property
    def images(self) -> int:
        """How many images are trained on."""
        return len(self.samples)


def run_training(settings: Mapping[str, Any]) -> Path:
    """Train, or resume, what plain settings describe; the file of weights. A finished training is left as it is.

    Raises
    ------
    WsolError : a wrong name or value, data or weights that don't fit, a folder that holds another training.
    """
    job = job_from(settings)
    folder = TrainingFolder(job.out, job.identity)
    if is_main_process():
        folder.claim()
    if folder.result is not None and (job.out / FILE).is_file():
        log.info("%s is trained: nothing to do", job.out)
        return job.out / FILE
    log.info(
        "%s: %s by %s[%s], %d images, %d classes, seed %d, %s",
        *(job.out, job.start.design.network, job.file.name, job.technique_name, job.images),
        *(job.start.design.num_classes, job.seed, job.engine.device),
    )
    state = train(_training(job), folder)
    if is_main_process():
        result = write_output(job, state)
        folder.finish(result)
        accuracy = "" if result["accuracy"] is None else f", accuracy {result['accuracy']:.2f} % on {job.checked_on}"
        log.info("trained: %s%s", job.out / FILE, accuracy)
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
    technique, options = _technique(cls, key, chosen, others, recipe)
    spec = _model_spec(spec, others)
    if recipe.first is not None and spec.weights is None:
        spec = dataclasses.replace(spec, weights=_first(settings, recipe.first, general))
    node = _dataset_node(settings["dataset"], others)
    data, trained_on = _split(node, general.train_split, "train_split")
    samples, check_data, checked, checked_on = _checked(data, settings["dataset"], recipe, general)
    classes = _classes(data, spec, samples)
    start = starting_network(
        spec,
        recipe,
        num_classes=classes,
        class_names=tuple(data.class_names),
        seed=general.seed,
        head=cls.info.head,
    )
    technique.configure(start.classifier.module)
    typed = {f"technique.{name}": value for name, value in chosen.items() if value is not None}
    used = {f"dataset.{name}": node[name] for name in _of("dataset", others)}
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
        samples=samples,
        check_data=check_data,
        checked=checked,
        trained_on=trained_on,
        checked_on=checked_on,
        start=start,
        engine=engine_of(settings),
        seed=general.seed,
        out=Path(general.out).expanduser(),
        identity={
            "recipe": dataclasses.asdict(recipe) | {"save_minutes": None, "trials": None},
            "technique": spell(key, options=options),
            "network": dataclasses.asdict(start.design),
            "start": start.origin,
            "data": _data_identity(node, data, samples),
            "seed": general.seed,
        },
    )


def is_main_process() -> bool:
    """Whether this process writes: under torchrun, the one of rank 0."""
    return int(os.environ.get("RANK", "0")) == 0


def _training(job: Job) -> Training:
    side = job.start.design.input_size
    images = TrainingImages(job.data, job.samples, job.recipe, side=side, seed=job.seed)
    check = TrainingImages(job.check_data, job.checked, job.recipe, side=side, seed=job.seed) if job.checked else None
    return Training(
        recipe=job.recipe,
        technique=job.technique,
        start=job.start,
        train=images,
        check=check,
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
    if values.get("out") is None:
        raise ConfigError("say where the training goes: out=DIR")
    return build(General, {**values, "out": str(values["out"])}, where="")


def _recipe_name(settings: Mapping[str, Any]) -> str:
    return str(settings.get("recipe", {}).get("name") or "given")


def _of(group: str, others: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a recipe sets of a group: ``dataset.n`` as ``n``."""
    return {key.partition(".")[2]: value for key, value in others.items() if key.startswith(f"{group}.")}


def _technique(
    cls: type[Technique], key: str, given: Mapping[str, Any], others: Mapping[str, Any], recipe: Recipe
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


def _dataset_node(node: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """The data set's options, those that a recipe sets for training included; what differs from defaults stays."""
    plain = defaults(datasets[str(node.get("name", ""))])
    return {**node, **{name: v for name, v in _of("dataset", others).items() if node.get(name) == plain.get(name)}}


def _split(node: Mapping[str, Any], split: str, setting: str) -> tuple[Dataset, str]:
    """One split of a data set, boxes or not; and what to call it. Raises ConfigError where there are no splits."""
    reader = datasets[str(node.get("name", ""))]
    fields = {f.name for f in dataclasses.fields(reader) if f.init}
    values = dict(node)
    if "split" in fields:
        values["split"] = split
    elif split not in ("train", ""):
        raise ConfigError(f"{setting}={split}: dataset {node.get('name')} has no splits; give {setting}=''")
    if "labels_only" in fields:
        values["labels_only"] = True  # training takes labels alone
    try:
        data = load_dataset(values)
        data.samples()
    except (DataError, ConfigError) as error:
        raise type(error)(f"{setting}={split}: {error}") from error
    return data, f"split {split}" if "split" in fields and split else "all images"


def _checked(
    data: Dataset, node: Mapping[str, Any], recipe: Recipe, general: General
) -> tuple[tuple[Sample, ...], Dataset, tuple[Sample, ...], str]:
    """Samples to train on; the data set, samples and name of what is checked."""
    samples = tuple(data.samples())
    if recipe.check == "none":
        return samples, data, (), ""
    if recipe.check == "held_out":
        kept, checked = held_out(samples, recipe.held_out, general.seed)
        return tuple(kept), data, tuple(checked), f"{len(checked)} held-out images of {data.key}"
    other, name = _split(node, general.val_split, "val_split")
    if general.val_split == general.train_split:
        raise ConfigError(f"val_split={general.val_split} is what is trained on; give recipe.check=held_out or none")
    checked_samples = tuple(other.samples())
    return samples, other, checked_samples, f"{data.key}, {name} ({len(checked_samples)} images)"


def _classes(data: Dataset, spec: ModelSpec, samples: tuple[Sample, ...]) -> int:
    """How many classes the network gets. Raises DataError where there are too few or the numbers don't match."""
    highest = max(sample.label for sample in samples)
    known = data.num_classes or len(data.class_names) or highest + 1
    wanted = spec.num_classes
    if wanted is not None and wanted <= highest:
        raise DataError(f"model.num_classes={wanted}, but dataset {data.key} has label {highest}; leave it out")
    count = wanted or max(known, highest + 1)
    if count < 2:
        raise DataError(f"dataset {data.key} has images of one class alone; training needs two or more")
    return count


def _data_identity(node: Mapping[str, Any], data: Dataset, samples: tuple[Sample, ...]) -> dict[str, Any]:
    """What decides the images: options but for paths, ids, labels and sizes."""
    hints = typing.get_type_hints(type(data))
    paths = {name for name, hint in hints.items() if hint is Path or Path in typing.get_args(hint)}
    options = {key: value for key, value in node.items() if key not in paths and key != "about"}
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.image_id}\t{sample.label}\t{sample.size_wh}\n".encode())
    return {**options, "split": data.split, "images": len(samples), "digest": digest.hexdigest()[:16]}
