"""Networks registered with `@model`: our own in `networks/`, and those of a user's file or package."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from wsol.errors import ModelError
from wsol.models import weights as weights_files
from wsol.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, Color, finish, seeded, weights_id
from wsol.models.outputs import relabeled
from wsol.registry import Registry

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Maker:
    """A registered function that makes a network; see `model`."""

    name: str
    source: str
    make: Callable[..., nn.Module | Classifier] = field(repr=False)
    input_size: int
    mean: Color
    std: Color
    class_names: tuple[str, ...]
    trained: Path | None
    needs_weights: bool = False


models: Registry[Maker] = Registry("model", "wsol.models.networks")

COMMON = ("weights", "num_classes", "input_size")  # options of every network

F = TypeVar("F", bound=Callable[..., object])


def model(
    name: str,
    *,
    input_size: int = 224,
    mean: Color = IMAGENET_MEAN,
    std: Color = IMAGENET_STD,
    class_names: tuple[str, ...] = (),
    trained: Path | None = None,
    needs_weights: bool = False,
) -> Callable[[F], F]:
    """Register a function that returns a network (or a whole `Classifier`) as `name`.

        @model("mynet", input_size=64)
        def mynet(*, num_classes: int = 10) -> nn.Module: ...

    The weights are those of the file `trained`, or else those the function returns; `model.weights=mynet.pth` takes
    another file's. With `needs_weights` the user must name a file, or ``random``: nobody has published any. The
    function gets `num_classes` if it has such a parameter and the number is known. Further parameters are options of
    the network (``model.text=birds.npy``); one with `weights` and `input_size` gets what the user gave, loads them
    itself and returns a `Classifier`.
    """

    def register(make: F) -> F:
        source = f"{make.__module__}.{make.__qualname__}"
        models.add(name, Maker(name, source, make, input_size, mean, std, class_names, trained, needs_weights))  # type: ignore[arg-type]
        return make

    return register


def names() -> list[str]:
    """Every registered network."""
    return list(models)


def knows(name: str) -> bool:
    """Whether `name` is a registered network."""
    return name in models


def options(name: str) -> list[str]:
    """The parameters of the network's function, but those that every network has."""
    return [p for p in inspect.signature(models[name].make).parameters if p not in COMMON]


def load(
    name: str, *, weights: str | None, num_classes: int | None, input_size: int | None, **options: Any
) -> Classifier:
    """A registered network with its own weights, ``random`` ones or a file's. Raises ModelError."""
    maker = models[name]
    if maker.needs_weights and weights is None:
        raise ModelError(
            f"no weights of {name} are published; give model.weights=FILE (a checkpoint of this network), or "
            "model.weights=random"
        )
    record: list[Classifier] = []
    parameters = inspect.signature(maker.make).parameters
    if "weights" in parameters:
        with seeded():
            made = maker.make(weights=weights, input_size=input_size, **options)
        if not isinstance(made, Classifier):
            raise ModelError(f"model {maker.name!r} ({maker.source}) takes weights, so it must return a Classifier")
        weights_files.check_count(f"model {maker.name!r}", made.num_classes, num_classes)
        return made

    def build(classes: int | None) -> nn.Module:
        given = options if classes is None or "num_classes" not in parameters else {**options, "num_classes": classes}
        with seeded():
            made = maker.make(**given)
        if isinstance(made, Classifier):
            record[:] = [made]
            return made.module
        if not isinstance(made, torch.nn.Module):
            raise ModelError(f"model {maker.name!r} ({maker.source}) returned a {type(made).__name__}, not a network")
        return made

    if maker.trained and weights in (None, "embedded", "DEFAULT"):
        module, source = build(None), "embedded"
        weights_files.fill(module, weights_files.read_state(str(maker.trained)), path=str(maker.trained), name=name)
    elif weights in (None, "random"):
        module, source = build(num_classes), weights or maker.source
        if weights == "random" and not maker.needs_weights:  # such a network's own are random, drawn as its paper does
            with seeded():
                for part in module.modules():
                    if callable(reset := getattr(part, "reset_parameters", None)):
                        reset()
    else:
        module, source = weights_files.load_file(build, str(weights), num_classes=num_classes, name=maker.name)
    if record:
        given = record[0]
        identity = given.weights_id if weights is None else weights_id(source, module)
        made = replace(given, name=maker.name, weights_id=identity, input_size=input_size or given.input_size)
    else:
        made = finish(
            maker.name, module, source, input_size or maker.input_size, maker.mean, maker.std, maker.class_names
        )
    weights_files.check_count(f"model {maker.name!r}", made.num_classes, num_classes)
    return made if not options else relabeled(made, " ".join(f"{key}={value}" for key, value in options.items()))
