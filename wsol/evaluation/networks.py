"""From settings to a network that fits a dataset's classes and stands on its device."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from wsol.datasets.base import Dataset
from wsol.datasets.fields import read_lines
from wsol.datasets.files import existing
from wsol.datasets.labels import label_mapping, match_class_indices
from wsol.errors import ConfigError, DataError
from wsol.models.classifier import Classifier, weights_id
from wsol.models.outputs import read_as, two_classes
from wsol.models.randomize import randomized
from wsol.models.zoo import load_classifier
from wsol.options import build
from wsol.settings.records import Engine, ModelSpec

log = logging.getLogger(__name__)


def load_model(node: Mapping[str, Any], *, where: str = "model") -> Classifier:
    """The network a configuration node names, with its weights; `where` the node stands, for messages."""
    spec = build(ModelSpec, node, where=where)
    weights = None if spec.weights is None else str(spec.weights)
    own = {"text": None if spec.text is None else str(spec.text), "tower": spec.tower}
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


def matched(data: Dataset, classifier: Classifier) -> tuple[Dataset, Classifier]:
    """A dataset and a network whose classes are the same: labels as class indices, one logit as two classes.

    Raises
    ------
    DataError : labels that the network does not know.
    """
    data = match_class_indices(data, classifier.class_names, classifier.num_classes)
    if mapping := label_mapping(data):
        log.info("labels of %s are names, as class indices: %s", data.key, mapping)
    highest = max(sample.label for sample in data.samples())
    if classifier.num_classes == 1 and highest == 1:
        log.info("%s has one output: label 1 is its sigmoid, label 0 the rest", classifier.name)
        classifier = two_classes(classifier)
    _check_labels(data, classifier, highest)
    return data, classifier


def _check_labels(data: Dataset, classifier: Classifier, highest: int) -> None:
    """Raises DataError for a network of other classes; only some datasets say how many there are (`num_classes`)."""
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


def to_device(classifier: Classifier, engine: Engine) -> None:
    """Put a network of our own loading where it runs: on the device, in the precision, eval mode, channels last."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = engine.tf32
    # channels last: twice as fast on the CPU for our networks (benchmarks/speed/layout.py)
    dtype = torch.float64 if engine.precision == "float64" else torch.float32
    classifier.module.to(engine.device, dtype).to(memory_format=torch.channels_last).eval()


def engine_of(settings: Mapping[str, Any]) -> Engine:
    """The checked `engine` group, its device settled. Raises ConfigError for a device that can't be used."""
    engine = build(Engine, settings.get("engine") or {}, where="engine")
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    return dataclasses.replace(engine, device=usable_device(auto if engine.device == "auto" else engine.device))


def usable_device(name: str) -> str:
    """`name`; ``cpu``, with a warning, where the device has no float64, in which methods and metrics sum (Apple's mps).

    Raises ConfigError for a device that this machine does not have.
    """
    try:
        torch.zeros(1, dtype=torch.float64, device=name).add(1).item()  # the device "meta" makes tensors without values
    except TypeError:
        log.warning("engine.device=%s has no float64, which methods and metrics need; running on cpu instead", name)
        return "cpu"
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise ConfigError(f"engine.device={name} can't be used: {reason}; try engine.device=cpu") from error
    return name
