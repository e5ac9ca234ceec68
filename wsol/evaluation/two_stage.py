"""The setting ``classifier``, which says what gives an image's class: the name of a second network, or a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.datasets.predictions import SUFFIXES, Predictions, read_predictions
from wsol.errors import ConfigError, DataError, unknown
from wsol.grammar import parse
from wsol.options import build
from wsol.settings.records import ModelSpec

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset
    from wsol.evaluation.experiment import ChosenMetric
    from wsol.maps.two_stage import SecondNetwork
    from wsol.models.classifier import Classifier


def is_file(text: str) -> bool:
    """Whether a classifier is a file of predictions, by its ending or because there is one."""
    return Path(text).suffix.lower() in SUFFIXES or Path(text).is_file()


def classes_of_file(text: str, data: Dataset, *, num_classes: int | None = None) -> Predictions:
    """The classes of a file, by its path; see `wsol.datasets.predictions.read_predictions`."""
    return read_predictions(Path(text).expanduser(), data, num_classes=num_classes)


def named_network(text: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """``resnet50[weights=mine.pth,view=centre]`` as settings of a network, and of its view where it has its own.

    Raises
    ------
    UnknownName, ConfigError : no such network, or options that it does not have.
    """
    from wsol.models.zoo import is_model, model_names

    if not re.fullmatch(r"[^@\[\]]+(\[.*\])?", text, re.DOTALL):
        raise ConfigError(
            f"classifier={text} is not a network; write NAME[weights=...,view=...] or a .csv or .npz file"
        )
    choice = parse(text)
    if not is_model(choice.name):
        see = f"wsol list models; files of predictions end in {' or '.join(SUFFIXES)}"
        raise unknown("classifier", choice.name, model_names(), see=see)
    options = dict(choice.options)
    view = {"name": options.pop("view")} if "view" in options else {}
    node = {"name": choice.name, **options}
    build(ModelSpec, node, where="classifier")
    return node, view


def check_network(classifier: Classifier, num_classes: int | None) -> Classifier:
    """The classifier itself. Raises DataError where it has another number of classes; one logit counts as two."""
    if num_classes is not None and max(classifier.num_classes, 2) != max(num_classes, 2):
        raise DataError(
            f"classifier {classifier.name} knows {classifier.num_classes} classes, and the network behind the maps "
            f"{num_classes}; both must be trained on the same classes"
        )
    return classifier


def check_classes(classes: Predictions | SecondNetwork, chosen: Sequence[ChosenMetric]) -> None:
    """Raises ConfigError for a metric of all classes' probabilities, where a file has only the first ones."""
    wanting = [one.name for one in chosen if one.metric.info.needs == {"probabilities"}]
    if wanting and isinstance(classes, Predictions) and classes.logits is None:
        raise ConfigError(
            f"metric {wanting[0]} needs all logits, and {classes.label} has predicted classes only; "
            "give a file of logits, or a network"
        )
