"""Networks by name: a registered function (`@model`), a trained file, `timm/<name>`, or one of torchvision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

import torch

from wsol.errors import ConfigError, ModelError, unknown
from wsol.models.classifier import Classifier

SOURCES = (
    "registered",
    "trained",
    "timm",
    "torchvision",
)  # modules beside this one; the first that knows a name loads it


class Source(Protocol):
    """A module that can load networks."""

    def names(self) -> Sequence[str]:
        """The names to list."""

    def knows(self, name: str) -> bool:
        """Whether `load` can be asked for `name`."""

    def options(self, name: str) -> Sequence[str]:
        """What `load` takes for `name` beside weights, number of classes and input size."""

    def load(
        self, name: str, *, weights: str | None, num_classes: int | None, input_size: int | None, **options: Any
    ) -> Classifier:
        """See `load_classifier`."""


def model_names() -> list[str]:
    """Every name `load_classifier` knows, but those of timm (`timm/<name>`)."""
    return sorted(name for source in _sources() for name in source.names())


def is_model(name: str) -> bool:
    """Whether `load_classifier` knows the name; no other network's source is asked."""
    return any(source.knows(name) for source in _sources())


def _sources() -> Iterator[Source]:
    """The modules that can load a network, each imported when the ones before it don't know the name."""
    for name in SOURCES:
        yield cast(Source, import_module(f"wsol.models.{name}"))


def load_classifier(
    name: str,
    *,
    weights: str | None = None,
    num_classes: int | None = None,
    input_size: int | None = None,
    device: str = "cpu",
    **options: Any,
) -> Classifier:
    """The network called `name` with its weights.

    Parameters
    ----------
    weights : ``random`` (seeded), a name the architecture's own library knows (``DEFAULT``, ``IMAGENET1K_V1``), or a
        path to a .pth, .pt or .safetensors file. None is the default: trained weights wherever they exist.
    num_classes, input_size : None takes the checkpoint's, and then the architecture's.
    options : what the network's own function takes beside these: ``text="birds.npy"`` for ``clip``.

    Raises
    ------
    ConfigError : an option that the network does not take.
    UnknownName : no such model (nearest one given).
    ModelError : weights that can't be found, read or loaded, or with another number of classes.
    """
    for option, value in (("num_classes", num_classes), ("input_size", input_size)):
        if value is not None and value < 1:
            raise ConfigError(f"model.{option}={value} must be 1 or more")
    source = next((source for source in _sources() if source.knows(name)), None)
    if source is None:
        raise unknown("model", name, model_names(), see="wsol list models")
    for option in options:
        if option not in source.options(name):
            known = ["weights", "num_classes", "input_size", *source.options(name)]
            raise unknown(f"option of {name}", f"model.{option}", [f"model.{k}" for k in known], error=ConfigError)
    trained: Any = import_module("wsol.models.trained")
    if trained.is_of(name, weights):  # such a file says which head and options its network has
        source, name = cast(Source, trained), trained.NAME
    made = source.load(name, weights=weights, num_classes=num_classes, input_size=input_size, **options)
    try:
        made.module.to(torch.device(device)).eval()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{name} can't be put on device {device!r} ({reason}); use cpu or a device of this machine"
        ) from error
    return made
