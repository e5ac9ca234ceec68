"""Networks of our own: the two embedded ones, and functions registered with `@model`."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from wsol.datasets.shapes.glyphs import GLYPHS
from wsol.errors import ModelError
from wsol.models import shapes_nets
from wsol.models import weights as weights_files
from wsol.models.base import Classifier, Maker, finish, seeded, weights_id

if TYPE_CHECKING:
    from torch import nn


def load_embedded(name: str, *, weights: str | None, num_classes: int | None, input_size: int | None) -> Classifier:
    """`shapes_vgg` or `shapes_gap`; `weights` None, ``embedded``, ``random`` or a path. Raises ModelError."""

    def build(classes: int | None) -> nn.Module:
        return shapes_nets.NETS[name](classes or shapes_nets.NUM_CLASSES)

    source = weights or "embedded"
    if weights in (None, "embedded", "DEFAULT"):
        module, source = shapes_nets.load_embedded(name), "embedded"
        weights_files.check_count(f"the embedded weights of {name}", shapes_nets.NUM_CLASSES, num_classes)
    elif weights == "random":
        with seeded():
            module = build(num_classes)
    else:
        module, source = weights_files.load_file(build, source, num_classes=num_classes, name=name)
    side = input_size or shapes_nets.INPUT_SIZE
    return finish(name, module, source, side, shapes_nets.MEAN, shapes_nets.STD, tuple(GLYPHS))


def load(maker: Maker, *, weights: str | None, num_classes: int | None, input_size: int | None) -> Classifier:
    """The network of a registered function, with its own weights, ``random`` ones or a file's. Raises ModelError."""
    record: list[Classifier] = []

    def build(classes: int | None) -> nn.Module:
        takes = "num_classes" in inspect.signature(maker.make).parameters
        with seeded():
            made = maker.make(num_classes=classes) if takes and classes is not None else maker.make()
        if isinstance(made, Classifier):
            record[:] = [made]
            return made.module
        if not isinstance(made, torch.nn.Module):
            raise ModelError(f"model {maker.name!r} ({maker.source}) returned a {type(made).__name__}, not a network")
        return made

    if weights in (None, "random"):
        module, source = build(num_classes), weights or maker.source
        if weights == "random":
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
    return made
