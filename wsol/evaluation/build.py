"""From plain settings, as Hydra composed them, to an `Experiment`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from wsol.datasets.base import Dataset, datasets
from wsol.datasets.checks import check_boxes
from wsol.datasets.fields import read_lines
from wsol.datasets.paths import existing
from wsol.datasets.predictions import Predictions
from wsol.errors import ConfigError, DataError, unknown
from wsol.evaluation.classes import matched, second_network
from wsol.evaluation.device import chunk_of, engine_of, numerics_of, to_device
from wsol.evaluation.experiment import ChosenMetric, Experiment
from wsol.evaluation.two_stage import check_classes, classes_of_file, is_file, named_network
from wsol.grammar import parse, spell
from wsol.maps.two_stage import SecondNetwork
from wsol.methods._base import MethodInfo, methods
from wsol.methods._variants import Variant, combinations, expand
from wsol.metrics._base import metrics
from wsol.metrics._common.truth import against_boxes
from wsol.models.attention import attention_modules
from wsol.models.caffe import from_caffe
from wsol.models.classifier import Classifier, weights_id
from wsol.models.heads import head_behind
from wsol.models.networks._acol import TwoBranches
from wsol.models.outputs import read_as
from wsol.models.randomize import randomized
from wsol.models.stages import resolve_layer, stages
from wsol.models.tokens import Grids
from wsol.models.zoo import load_classifier
from wsol.options import Images, build, defaults, fit
from wsol.protocols._base import Protocol, protocols
from wsol.settings.records import Engine, General, ModelSpec
from wsol.views import View, view_from

log = logging.getLogger(__name__)

GROUPS = ("dataset", "model", "methods", "protocols", "metrics", "engine", "paths", "view")


def experiment_from(settings: Mapping[str, Any]) -> Experiment:
    """Build everything an experiment needs; every wrong name or value ends here as a WsolError."""
    general = general_of(settings)
    chosen_methods = settings.get("methods") or {}
    for name, options in chosen_methods.items():
        methods[str(options.get("method", name))]
    rules = chosen_protocols(settings)
    chosen_metrics = tuple(chosen_metric(name, node) for name, node in (settings.get("metrics") or {}).items())
    if not rules and not chosen_metrics:
        raise ConfigError("nothing to measure: choose a protocol or a metric, for example protocol=[choe2020_v2]")
    engine = engine_of(settings)
    data = load_dataset(settings["dataset"])
    check_truth(data, rules, chosen_metrics)
    data, classifier = matched(data, load_model(settings["model"]))
    view = view_of(settings, classifier)
    check_view(view, chosen_metrics)
    to_device(classifier, engine)
    variants = variants_of(settings, classifier)
    classes = None
    if general.classifier is not None:
        view_node, count = settings["view"], classifier.num_classes
        classes = classes_of(str(general.classifier), data, engine, view=view_node, num_classes=count)
        check_classes(classes, chosen_metrics)
    return Experiment(
        dataset=data,
        classifier=classifier,
        classes=classes,
        variants=variants,
        protocols=rules,
        metrics=chosen_metrics,
        view=view,
        seed=general.seed,
        batch_size=engine.batch_size,
        chunk=chunk_of(engine),
        shard_size=engine.shard_size,
        threads=engine.thread_count,
        gallery=general.gallery,
        maps=general.maps,
        numerics=numerics_of(engine),
    )


def check_view(view: View, chosen: Sequence[ChosenMetric]) -> None:
    """Raises ConfigError for a metric that changes one network input, where the view has several."""
    asking = [m.name for m in chosen if m.metric.info.needs & {"model", "method"}]
    if asking and view.passes > 1:
        raise ConfigError(
            f"metric {asking[0]} changes one network input, and view {view.name} has several; "
            "choose metric=[] or view=squash"
        )


def variants_of(settings: Mapping[str, Any], classifier: Classifier) -> tuple[Variant, ...]:
    """The variants of all chosen methods on a network; of sets such as ``all``, those that the network allows."""
    chosen = settings.get("methods") or {}
    optional = {name for name, node in chosen.items() if node.get("optional")}
    refused = {
        name for name in optional if not _allows(classifier, methods[str(chosen[name].get("method", name))].info)
    }
    if refused:
        log.info("%s does not allow %s; left out", classifier.name, ", ".join(sorted(refused)))
    kept = {
        name: {option: value for option, value in node.items() if option != "optional"}
        for name, node in chosen.items()
        if name not in refused
    }
    return expand(kept, resolve=lambda layer: resolve_layer(classifier, layer), stages=list(stages(classifier)))


def _allows(classifier: Classifier, info: MethodInfo) -> bool:
    """Whether a network has what a method needs: attention, two branches, or a linear head behind its last stage."""
    if "attention" in info.needs:
        return bool(attention_modules(classifier.module))
    if "branches" in info.needs:
        return isinstance(classifier.module, TwoBranches)
    if "head" in info.needs:
        weight = next(classifier.module.parameters())
        side = classifier.input_size
        images = torch.rand((2, 3, side, side), generator=torch.Generator().manual_seed(0)).to(weight)
        layer = resolve_layer(classifier, "last")
        return head_behind(classifier.module, layer, images, grids=dict(Grids(classifier))) is not None
    return True


def chosen_protocols(settings: Mapping[str, Any]) -> tuple[Protocol, ...]:
    """Every protocol asked for, derived ones included; one that has two names, once."""
    several = [p for name, node in (settings.get("protocols") or {}).items() for p in _protocols(name, node)]
    return tuple({p.name: p for p in several}.values())


def view_of(settings: Mapping[str, Any], classifier: Classifier) -> View:
    """The run's view, at the network's own input size unless another is given."""
    return view_from(settings["view"], side=classifier.input_size)


def general_of(settings: Mapping[str, Any]) -> General:
    """The checked settings in no group. Raises ConfigError for a setting that is in none either."""
    known = [*GROUPS, *(f.name for f in dataclasses.fields(General))]
    for key in settings:
        if key not in known:
            raise unknown("setting", key, known, see="wsol run --cfg job", error=ConfigError)
    return build(General, {key: value for key, value in settings.items() if key not in GROUPS}, where="")


def classes_of(
    text: str, data: Dataset, engine: Engine, *, view: Mapping[str, Any], num_classes: int | None = None
) -> Predictions | SecondNetwork:
    """What says which class an image is of: a file by its path, or ``resnet50[weights=mine.pth,view=centre]``.

    Parameters
    ----------
    data : with its labels as the indices of the network behind the maps. num_classes : of that network, if known.
    view : the run's, as settings; a second network has its own input size, and its own view where one is given.

    Raises
    ------
    DataError : classes that are not those of the data, or images without a prediction.
    UnknownName, ConfigError, ModelError : a network that can't be made.
    """
    if is_file(text):
        return classes_of_file(text, data, num_classes=num_classes)
    node, own_view = named_network(text)
    made = load_model(node)
    to_device(made, engine)
    chosen = view_from(own_view or {**view, "side": None}, side=made.input_size)
    return second_network(made, data, engine, view=chosen, num_classes=num_classes)


def load_dataset(node: Mapping[str, Any]) -> Dataset:
    """The dataset a configuration node names."""
    name = str(node.get("name", ""))
    return build(datasets[name], {k: v for k, v in node.items() if k != "name"}, where="dataset")


def load_model(node: Mapping[str, Any]) -> Classifier:
    """The network a configuration node names, with its weights."""
    spec = build(ModelSpec, node, where="model")
    weights = None if spec.weights is None else str(spec.weights)
    text = None if spec.text is None else str(spec.text)
    own: dict[str, Any] = {"text": text, "tower": spec.tower, "grid": spec.grid, "head": spec.head}
    if spec.text is not None and "{" in str(spec.text):  # prompts are made of the names
        own["classes"] = None if spec.classes is None else str(spec.classes)
    classifier = load_classifier(
        spec.name,
        weights=weights,
        num_classes=spec.num_classes,
        input_size=spec.input_size,
        **{name: value for name, value in own.items() if value is not None},
    )
    if spec.classes is not None:
        classifier = dataclasses.replace(classifier, class_names=_class_names(spec.classes, classifier))
    if spec.input == "caffe":
        classifier = from_caffe(classifier)
    classifier = read_as(classifier, spec.output)
    return classifier if spec.randomise is None else _with_random_layers(classifier, spec.randomise)


def _class_names(path: Path, classifier: Classifier) -> tuple[str, ...]:
    """The lines of a file, as many as the network has classes. Raises DataError."""
    names = tuple(line for _, line in read_lines(existing(path, option="model.classes", folder=False)))
    if len(names) != classifier.num_classes:
        raise DataError(
            f"model.classes={path} names {len(names)} classes, and {classifier.name} has {classifier.num_classes}"
        )
    return names


def _with_random_layers(classifier: Classifier, layers: int | Literal["all"]) -> Classifier:
    """The network with its `layers` nearest to the head drawn at random: do the scores fall? (Adebayo et al., 2018)."""
    with randomized(classifier.module, layers=None if layers == "all" else layers) as names:
        drawn = {key: value.clone() for key, value in classifier.module.state_dict().items()}
    classifier.module.load_state_dict(drawn)  # the block gave the trained weights back
    label = f"{classifier.weights_source}, {len(names)} layers random"
    return dataclasses.replace(classifier, weights_id=weights_id(label, classifier.module))


def _protocols(name: str, node: Mapping[str, Any]) -> list[Protocol]:
    """The preset, or the ones derived from it by other knobs; a knob given as a list makes one protocol a value."""
    base = protocols[str(node.get("protocol", name))]
    knobs = {k: v for k, v in node.items() if k != "protocol"}
    for knob in knobs:
        if knob not in base.knobs:
            raise unknown(
                "option", f"protocols.{name}.{knob}", [f"protocols.{name}.{k}" for k in base.knobs], error=ConfigError
            )
    single = {k: v for k, v in knobs.items() if not isinstance(v, list) or isinstance(base.knobs[k], tuple)}
    several = combinations({k: v for k, v in knobs.items() if k not in single})
    return [base.derive({**_tuples(single), **choice}) for choice in several]


def chosen_metric(name: str, node: Mapping[str, Any]) -> ChosenMetric:
    """A metric with its options, under the name that its columns start with."""
    cls = metrics[str(node.get("metric", name))]
    sample = fit(node.get("sample"), Images | None, where=f"metrics.{name}.sample")
    options = _tuples({k: v for k, v in node.items() if k not in ("metric", "sample")})
    made = build(cls, options, where=f"metrics.{name}")
    plain = {**defaults(cls), "sample": None}
    differing = {k: v for k, v in {**options, "sample": sample}.items() if v != plain[k]}
    return ChosenMetric(name=spell(parse(name).name, options=differing), metric=made, sample=sample)


def check_truth(data: Dataset, rules: Sequence[Protocol], chosen: Sequence[ChosenMetric]) -> None:
    """Raises DataError where there are no boxes for what compares with boxes."""
    samples, where = data.samples(), f"dataset {data.key}"
    if rules:
        masked = any(data.mask(sample) is not None for sample in samples[:1])
        metric, having = ("pxap", "masks") if masked else ("drop", "labels alone")
        check_boxes(samples, where, masks=f"for {having} choose protocol=[] metric=[{metric}]")
    for one in chosen:
        if against_boxes(one.metric):
            other = f"metrics.{one.name}.against=mask" if one.metric.info.against else "metric=[pxap]"
            check_boxes(samples, where, masks=f"{one.name} compares with boxes; for masks choose {other}")


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
