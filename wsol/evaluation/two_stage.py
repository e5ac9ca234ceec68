"""What says which class an image is of, from the setting ``classifier``: a second network, or a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.datasets.predictions import SUFFIXES, Predictions, read_predictions
from wsol.errors import ConfigError, DataError, unknown
from wsol.grammar import parse

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset
    from wsol.evaluation.experiment import ChosenMetric
    from wsol.maps.two_stage import SecondNetwork
    from wsol.settings.records import Engine


def is_file(text: str) -> bool:
    """Whether a classifier is a file of predictions, by its ending or because there is one."""
    return Path(text).suffix.lower() in SUFFIXES or Path(text).is_file()


def classes_from(
    text: str,
    data: Dataset,
    engine: Engine | None = None,
    *,
    view: Mapping[str, Any],
    num_classes: int | None = None,
    file: bool = False,
) -> Predictions | SecondNetwork:
    """A file of predictions by its path, or a network by its name: ``resnet50[weights=mine.pth,view=centre]``.

    Parameters
    ----------
    data : with its labels as the indices of the network behind the maps. num_classes : of that network, if known.
    engine : where a network runs; by default what this machine offers.
    view : the run's, as settings; the second network has its own input size, and its own view where one is given.
    file : whether `text` is a file, whatever it is called.

    Raises
    ------
    DataError : classes that are not those of the data, or images without a prediction.
    UnknownName, ConfigError, ModelError : a network that can't be made.
    """
    if file or is_file(text):
        return read_predictions(Path(text).expanduser(), data, num_classes=num_classes)
    from wsol.evaluation.networks import engine_of, load_model, matched, to_device
    from wsol.maps.two_stage import SecondNetwork
    from wsol.models.zoo import is_model, model_names
    from wsol.views import view_from

    if not re.fullmatch(r"[^@\[\]]+(\[.*\])?", text, re.DOTALL):
        raise ConfigError(
            f"classifier={text} is not a network; write NAME[weights=...,view=...] or a .csv or .npz file"
        )
    choice = parse(text)
    if not is_model(choice.name):
        see = f"wsol list models; files of predictions end in {' or '.join(SUFFIXES)}"
        raise unknown("classifier", choice.name, model_names(), see=see)
    options = dict(choice.options)
    node = {"name": options.pop("view")} if "view" in options else {**view, "side": None}
    made = load_model({"name": choice.name, **options}, where="classifier")
    if num_classes is not None and made.num_classes != max(num_classes, 2) and made.num_classes != num_classes:
        raise DataError(
            f"classifier {made.name} knows {made.num_classes} classes, and the network behind the maps {num_classes}; "
            "both must be trained on the same classes"
        )
    renumbered, made = matched(data, made)
    if renumbered is not data:
        raise DataError(
            f"classifier {made.name} has its classes in another order than the network behind the maps; "
            "give its logits as a file, in the order of the class indices"
        )
    engine = engine or engine_of({})
    to_device(made, engine)
    return SecondNetwork(
        classifier=made,
        view=view_from(node, side=made.input_size),
        batch_size=engine.batch_size,
        autocast=engine.precision == "bfloat16",
    )


def check_classes(classes: Predictions | SecondNetwork, chosen: Sequence[ChosenMetric]) -> None:
    """Raises ConfigError for a metric of all classes' probabilities, where a file has only the first ones."""
    wanting = [one.name for one in chosen if one.metric.info.needs == {"probabilities"}]
    if wanting and isinstance(classes, Predictions) and classes.logits is None:
        raise ConfigError(
            f"metric {wanting[0]} needs all logits, and {classes.label} has predicted classes only; "
            "give a file of logits, or a network"
        )
