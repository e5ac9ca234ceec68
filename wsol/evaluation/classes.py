"""The classes of a dataset and of the networks that see it, made one: labels as indices, outputs as logits of them."""

from __future__ import annotations

import logging

from wsol.datasets.base import Dataset
from wsol.datasets.labels import label_mapping, match_class_indices
from wsol.errors import DataError
from wsol.evaluation.two_stage import check_network
from wsol.maps.two_stage import SecondNetwork
from wsol.models.classifier import Classifier
from wsol.models.outputs import two_classes
from wsol.models.query import half_precision
from wsol.settings.records import Engine
from wsol.views import View

log = logging.getLogger(__name__)


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


def second_network(
    made: Classifier, data: Dataset, engine: Engine, *, view: View, num_classes: int | None = None
) -> SecondNetwork:
    """A network that says which class an image is of, in its own `view`; see `classes_of` for the rest."""
    renumbered, made = matched(data, check_network(made, num_classes))
    if renumbered is not data:
        raise DataError(
            f"classifier {made.name} has its classes in another order than the network behind the maps; "
            "give its logits as a file, in the order of the class indices"
        )
    autocast = half_precision(engine.precision)
    return SecondNetwork(classifier=made, view=view, batch_size=engine.batch_size, autocast=autocast)


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
