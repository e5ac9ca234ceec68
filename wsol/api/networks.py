"""Networks of a call as the evaluation takes them: color images in, logits out, and afterwards as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from wsol.api.attribute import unwrapped
from wsol.api.inputs import SIDE
from wsol.errors import ConfigError
from wsol.evaluation.build import classes_of
from wsol.evaluation.classes import second_network
from wsol.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, Color, finish
from wsol.models.gray import color_input
from wsol.models.network import evaluating
from wsol.models.outputs import LABELS, Reading, function_label, reading, relabeled
from wsol.models.zoo import load_classifier
from wsol.views import view_named

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset
    from wsol.datasets.predictions import Predictions
    from wsol.maps.two_stage import SecondNetwork
    from wsol.settings.records import Engine


@contextmanager
def network_of(
    model: nn.Module | Classifier | str,
    output: Reading,
    input_size: int | None,
    mean: Color | None,
    std: Color | None,
    class_names: Sequence[str],
) -> Iterator[Classifier]:
    """A block in which the network takes color images and gives logits, with what must be known to feed it."""
    known = load_classifier(model, input_size=input_size) if isinstance(model, str) else model
    module = unwrapped(known)
    reading_label = function_label(output) if callable(output) else LABELS.get(output, "")
    with color_input(module), reading(module, output):
        if isinstance(known, Classifier):
            made = known
            if callable(output):  # it may give other classes
                facts = (known.name, module, known.weights_source, known.input_size, known.mean, known.std)
                made = finish(*facts, known.class_names)
        else:
            config = getattr(module, "pretrained_cfg", None) or {}
            side = input_size or int(config.get("input_size", (SIDE,))[-1])
            usual = tuple(config.get("mean", IMAGENET_MEAN)), tuple(config.get("std", IMAGENET_STD))
            made = finish(type(module).__name__, module, "python", side, *usual)
        if class_names and len(class_names) != made.num_classes:
            raise ConfigError(
                f"class_names has {len(class_names)} names, and {made.name} has {made.num_classes} classes"
            )
        made = replace(
            made,
            input_size=input_size or made.input_size,
            mean=mean or made.mean,
            std=std or made.std,
            class_names=tuple(class_names) or made.class_names,
        )
        # rows are known by the weights, so what else the caller decided of the network belongs to their name
        scale = f"mean {made.mean} std {made.std}" if mean or std else ""
        label = ", ".join(part for part in (reading_label, scale) if part)
        yield relabeled(made, label) if label else made


@contextmanager
def classes_from(
    given: nn.Module | Classifier | str | Path | None, data: Dataset, network: Classifier, engine: Engine, *, view: str
) -> Iterator[Predictions | SecondNetwork | None]:
    """A block in which something else than `network` says which class an image is of; None where nothing else does.

    Parameters
    ----------
    given : what ``classifier=`` is on the command line, a file or a network by its name; or a network, which is fed as
        `network` is where it does not say how.
    data : with its labels as the indices of `network`.

    Raises
    ------
    DataError : other classes than those of `network`, or images without a prediction.
    UnknownName, ConfigError, ModelError : a network that can't be made.
    """
    if given is None:
        yield None
    elif isinstance(given, str | Path):
        yield classes_of(fspath(given), data, engine, view={"name": view}, num_classes=network.num_classes)
    elif not isinstance(given, nn.Module | Classifier):
        raise ConfigError(
            f"classifier is a {type(given).__name__}; expected a network, the name of one, or a .csv or .npz file"
        )
    elif unwrapped(given) is network.module:  # its hooks are there already
        yield second_network(network, data, engine, view=view_named(view, network.input_size))
    else:
        known = isinstance(given, Classifier) or hasattr(unwrapped(given), "pretrained_cfg")
        side = None if known else network.input_size
        with network_of(given, "logits", side, None, None, ()) as made, evaluating(made.module):
            fed = made if known else replace(made, mean=network.mean, std=network.std)
            own_view = view_named(view, fed.input_size)
            yield second_network(fed, data, engine, view=own_view, num_classes=network.num_classes)
