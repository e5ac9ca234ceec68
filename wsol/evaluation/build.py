"""From plain settings, as Hydra composed them, to an `Experiment`."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from wsol.datasets.base import Dataset, datasets
from wsol.datasets.checks import check_boxes
from wsol.datasets.labels import match_class_indices
from wsol.errors import ConfigError, DataError, unknown
from wsol.evaluation.experiment import SHARD_SIZE, ChosenMetric, Experiment, Numerics
from wsol.methods._base import methods
from wsol.methods._variants import combinations, expand
from wsol.metrics._base import metrics
from wsol.metrics._common.truth import against_boxes
from wsol.models.classifier import Classifier, weights_id
from wsol.models.randomize import randomized
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier
from wsol.options import build, defaults, fit
from wsol.protocols._base import Protocol, protocols
from wsol.views import View, view_from

log = logging.getLogger(__name__)

CHUNK = {"cpu": 16, "cuda": 64}  # the CPU's caches like small ones: 64 took 1.7 times as long an image as 16
KNOWN = {"dataset", "model", "methods", "protocols", "metrics", "engine", "paths", "view", "seed", "gallery"}
SHOWN = {"table", "tau_from", "figures", "profile"}  # settings that decide no row


def experiment_from(settings: Mapping[str, Any]) -> Experiment:
    """Build everything an experiment needs; every wrong name or value ends here as a WsolError."""
    for key in settings:
        if key not in KNOWN | SHOWN:
            raise unknown("setting", key, KNOWN | SHOWN, see="wsol run --cfg job", error=ConfigError)
    seed = fit(settings["seed"], int, where="seed")
    chosen_methods = settings.get("methods") or {}
    for name, options in chosen_methods.items():
        methods[str(options.get("method", name))]
    rules = chosen_protocols(settings)
    chosen_metrics = tuple(chosen_metric(name, node) for name, node in (settings.get("metrics") or {}).items())
    if not rules and not chosen_metrics:
        raise ConfigError("nothing to measure: choose a protocol or a metric, for example protocol=[choe2020_v2]")
    engine = engine_of(settings)
    data = load_dataset(settings["dataset"])
    _check_truth(data, rules, chosen_metrics)
    classifier = load_model(settings["model"])
    data = match_class_indices(data, classifier.class_names)
    samples = data.samples()
    _check_labels(data, classifier, max(s.label for s in samples))
    view = view_of(settings, classifier)
    asking = [m.name for m in chosen_metrics if m.metric.info.needs & {"model", "method"}]
    if asking and view.passes > 1:
        raise ConfigError(
            f"metric {asking[0]} changes one network input, and view {view.name} has several; "
            "choose metric=[] or view=squash"
        )
    names = stages(classifier)
    place(classifier, engine)
    variants = expand(chosen_methods, resolve=lambda layer: resolve_layer(classifier, layer), stages=list(names))
    return Experiment(
        dataset=data,
        classifier=classifier,
        variants=variants,
        protocols=rules,
        metrics=chosen_metrics,
        view=view,
        seed=seed,
        batch_size=engine.batch_size,
        chunk=engine.chunk,
        shard_size=engine.shard_size,
        threads=engine.threads,
        gallery=_gallery(settings),
        numerics=Numerics(device=engine.device, precision=engine.precision, tf32=engine.tf32),
    )


def chosen_protocols(settings: Mapping[str, Any]) -> tuple[Protocol, ...]:
    """Every protocol asked for, derived ones included."""
    return tuple(p for name, node in (settings.get("protocols") or {}).items() for p in _protocols(name, node))


def view_of(settings: Mapping[str, Any], classifier: Classifier) -> View:
    """The run's view, at the network's own input size unless another is given."""
    return view_from(settings["view"], side=classifier.input_size)


def engine_of(settings: Mapping[str, Any]) -> Engine:
    """The checked `engine` group."""
    return Engine(settings.get("engine") or {})


def place(classifier: Classifier, engine: Engine) -> None:
    """Put a network of our own loading where it runs: on the device, in the precision, eval mode, channels last."""
    # channels last: twice as fast on the CPU for our networks (benchmarks/speed/layout.py)
    dtype = torch.float64 if engine.precision == "float64" else torch.float32
    classifier.module.to(engine.device, dtype).to(memory_format=torch.channels_last).eval()


class Engine:
    """Checked numbers of the `engine` group."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        allowed = ("name", "device", "precision", "tf32", "batch_size", "chunk", "shard_size", "threads", "part")
        for key in node:
            if key not in allowed:
                raise unknown("option", f"engine.{key}", [f"engine.{a}" for a in allowed], error=ConfigError)
        self.batch_size = self._whole(node, "batch_size", 16)
        self.shard_size, self.threads = (
            self._whole(node, "shard_size", SHARD_SIZE),
            self._whole(node, "threads", os.cpu_count() or 1),
        )
        self.precision = str(node.get("precision", "float32"))
        if self.precision not in ("float32", "float64", "bfloat16"):
            raise unknown("engine.precision", self.precision, ("float32", "float64", "bfloat16"), error=ConfigError)
        self.device = str(node.get("device") or "auto")
        if self.device == "auto":
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.zeros(1, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"engine.device={self.device} can't be used: {reason}; try engine.device=cpu") from error
        self.chunk = self._whole(node, "chunk", CHUNK["cpu" if self.device == "cpu" else "cuda"])
        self.tf32 = bool(node.get("tf32", False))
        torch.backends.cuda.matmul.allow_tf32 = self.tf32
        torch.backends.cudnn.allow_tf32 = self.tf32

    @staticmethod
    def _whole(node: Mapping[str, Any], key: str, default: int) -> int:
        value = node.get(key)
        value = default if value is None else value
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"engine.{key}={value!r} is not a whole number above 0")
        return value


def load_dataset(node: Mapping[str, Any]) -> Dataset:
    """The dataset a configuration node names."""
    name = str(node.get("name", ""))
    return build(datasets[name], {k: v for k, v in node.items() if k != "name"}, where="dataset")


def load_model(node: Mapping[str, Any]) -> Classifier:
    """The network a configuration node names, with its weights."""
    values = dict(node)
    name = str(values.pop("name", ""))
    allowed = ("weights", "num_classes", "input_size", "randomise")
    for key in values:
        if key not in allowed:
            raise unknown("option", f"model.{key}", [f"model.{a}" for a in allowed], error=ConfigError)
    layers = values.pop("randomise", None)
    classifier = load_classifier(name, **values)
    return classifier if layers is None else _with_random_layers(classifier, layers)


def _with_random_layers(classifier: Classifier, layers: int | str) -> Classifier:
    """The network with its `layers` nearest to the head drawn at random: do the scores fall? (Adebayo et al., 2018)."""
    if layers != "all" and not isinstance(layers, int):
        raise ConfigError(f"model.randomise={layers!r} is neither a number of layers nor all")
    with randomized(classifier.module, layers=layers if isinstance(layers, int) else None) as names:
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
    sample = node.get("sample")
    if sample is not None and (not isinstance(sample, int) or sample < 1):
        raise ConfigError(
            f"metrics.{name}.sample={sample!r} is not a number of images; give a whole number above 0, or null"
        )
    options = _tuples({k: v for k, v in node.items() if k not in ("metric", "sample")})
    made = build(cls, options, where=f"metrics.{name}")
    plain = {**defaults(cls), "sample": None}
    differing = {k: v for k, v in {**options, "sample": sample}.items() if v != plain[k]}
    label = f"[{','.join(f'{k}={v}' for k, v in sorted(differing.items()))}]" if differing else ""
    return ChosenMetric(name=f"{name}{label}", metric=made, sample=sample)


def _gallery(settings: Mapping[str, Any]) -> int:
    kept = settings.get("gallery", Experiment.gallery)
    if not isinstance(kept, int) or kept < 0:
        raise ConfigError(f"gallery={kept!r} is not a number of images; give 0 for none, or more")
    return kept


def _check_truth(data: Dataset, rules: Sequence[Protocol], chosen: Sequence[ChosenMetric]) -> None:
    """Raises DataError where there are no boxes for what compares with boxes."""
    samples, where = data.samples(), f"dataset {data.key}"
    if rules:
        check_boxes(samples, where, masks="for masks choose protocol=[] metric=[pxap]")
    for one in chosen:
        if against_boxes(one.metric):
            other = f"metrics.{one.name}.against=mask" if one.metric.info.against else "metric=[pxap]"
            check_boxes(samples, where, masks=f"{one.name} compares with boxes; for masks choose {other}")


def _check_labels(data: Dataset, classifier: Classifier, highest: int) -> None:
    """Raises DataError for a network of other classes; only some data sets say how many there are (`num_classes`)."""
    known = data.num_classes
    if known is not None and known != classifier.num_classes and not classifier.weights_id.startswith("random"):
        raise DataError(
            f"dataset {data.key} has {known} classes, but {classifier.name} with these weights knows "
            f"{classifier.num_classes}; choose a network trained on it, or model.num_classes={known} with your weights"
        )
    if highest >= classifier.num_classes:
        raise DataError(
            f"dataset {data.key} has label {highest}, but {classifier.name} knows {classifier.num_classes} classes "
            f"(0 to {classifier.num_classes - 1}); choose weights trained on it with model.weights=..."
        )


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
