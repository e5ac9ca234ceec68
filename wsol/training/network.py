"""The network to train: which head it gets, and which of its layers start from trained weights."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from wsol.errors import ConfigError, ModelError
from wsol.models import weights as weights_files
from wsol.models.classifier import Classifier, drawn_from, weights_id
from wsol.models.registered import models
from wsol.models.registered import options as network_options
from wsol.models.timm import trunk
from wsol.models.trained import Design, build, file_of
from wsol.models.zoo import load_classifier
from wsol.settings.records import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol.training.recipe import Recipe

log = logging.getLogger(__name__)

RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Start:
    """A network before its training.

    Attributes
    ----------
    design : how to build it again. new : names of the parameters that start from no trained weights.
    origin : where the others are from, with a digest of them.
    folded : names of the normalizing layers that do nothing: their statistics are part of the weights before them.
    """

    classifier: Classifier
    design: Design
    new: frozenset[str]
    origin: str
    folded: frozenset[str] = frozenset()


def starting_network(
    spec: ModelSpec, recipe: Recipe, *, num_classes: int, class_names: tuple[str, ...], seed: int, head: str | None
) -> Start:
    """The network with its new layers drawn from `seed`, and the others from the start that spec or recipe name.

    Parameters
    ----------
    head : what the technique needs the network to have; None for nothing.

    Raises
    ------
    ModelError : weights that are missing, or of another network. ConfigError : a head that the network lacks.
    """
    options = {name: value for name in ("grid", "head") if (value := getattr(spec, name)) is not None}
    if head is not None:
        options.setdefault("head", head)
    design = Design(
        network=spec.name,
        num_classes=num_classes,
        input_size=spec.input_size or recipe.crop,
        new_head=recipe.new_head,
        head_layer=recipe.head_layer,
        head_width=recipe.head_width,
        options=options,
    )
    try:
        with drawn_from(seed):
            classifier = build(design)
    except ConfigError as error:
        if head is None or "model.head" not in str(error):
            raise
        able = [name for name in models.packaged() if "head" in network_options(name)]
        raise ConfigError(
            f"the technique needs a network with model.head={head}, and {spec.name} has no such option; take one of "
            f"{', '.join(able)}"
        ) from error
    classifier = dataclasses.replace(classifier, class_names=class_names if len(class_names) == num_classes else ())
    state, origin = _state(spec, recipe, design)
    if state is None:
        return Start(classifier, design, frozenset(dict(classifier.module.named_parameters())), RANDOM)
    new = carry_over(classifier.module, state, name=spec.name, origin=origin)
    if new:
        log.info("%s: %d parameters start anew, first %s; all others from %s", spec.name, len(new), min(new), origin)
    digest = weights_id(origin, classifier.module).rpartition(":")[2]
    folded = folded_norms(classifier.module, new)
    if folded:
        log.info(
            "%s: %d layers of batch normalization hold no statistics, which were folded into the weights before them; "
            "they stay as they are, for statistics of batches would undo what was trained",
            spec.name,
            len(folded),
        )
    return Start(classifier, design, new, f"{origin}:{digest}", folded)


def _state(spec: ModelSpec, recipe: Recipe, design: Design) -> tuple[Mapping[str, Tensor] | None, str]:
    """The weights to start from by name, and what to call them; None for no trained ones."""
    weights = None if spec.weights is None else str(spec.weights)
    if weights == RANDOM:
        return None, RANDOM
    if weights is not None and ("/" in weights or Path(weights).suffix in weights_files.SUFFIXES):
        file = file_of(weights)
        return weights_files.read_state(weights if file is None else str(file)), Path(weights).name
    if weights is None and recipe.start == RANDOM:
        return None, RANDOM
    if weights is None and recipe.start is not None:
        name, _, chosen = recipe.start.partition("@")
        start = load_classifier(name, weights=chosen or None)
        return start.module.state_dict(), f"{name} {start.weights_source}"
    if design.new_head == "tokens":
        return trunk(spec.name, pretrained=True, input_size=design.input_size).state_dict(), f"{spec.name} timm"
    start = load_classifier(spec.name, weights=weights, **design.options)
    return start.module.state_dict(), f"{spec.name} {start.weights_source}"


def folded_norms(module: nn.Module, new: frozenset[str]) -> frozenset[str]:
    """The batch normalizations that trained weights leave as they are made: mean 0, variance 1.

    Parameters
    ----------
    new : names of parameters that start from no trained weights; their layers are none of these.
    """
    return frozenset(
        name
        for name, part in module.named_modules()
        if isinstance(part, torch.nn.BatchNorm2d)
        and part.running_mean is not None
        and part.running_var is not None
        and f"{name}.weight" not in new
        and not part.running_mean.any()
        and (part.running_var == 1).all()
    )


def carry_over(module: nn.Module, state: Mapping[str, Tensor], *, name: str, origin: str) -> frozenset[str]:
    """Copy the tensors of `state` that have a place in `module`; returns the names of the parameters that got none.

    A network that is built on another one maps, by its `backbone_keys`, prefixes or names of its parameters to that
    one's; all of those must be in `state`. Of any other network, at least half of the tensors must be.

    Raises
    ------
    ModelError : weights of another network.
    """
    own = module.state_dict()
    whole = all(key in state and state[key].shape == own[key].shape for key in own if not _is_counter(key))
    prefixes = {} if whole else _prefixes(module)
    chosen: dict[str, Tensor] = {}
    for key, value in own.items():
        prefix = max((p for p in prefixes if key == p or key.startswith(f"{p}.")), key=len, default=None)
        if prefixes and prefix is None:
            continue
        theirs = key if prefix is None else f"{prefixes[prefix]}{key[len(prefix) :]}".lstrip(".")
        if theirs in state and state[theirs].shape == value.shape:
            chosen[key] = state[theirs]
        elif prefix is not None and not _is_counter(key):
            raise ModelError(f"{origin} has no layer like {key} of {name} ({theirs}); start from another network")
    if 2 * len(chosen) < len(own) and not prefixes:
        raise ModelError(
            f"{origin} has {len(chosen)} of the {len(own)} tensors of {name}; start from weights of this network"
        )
    module.load_state_dict(chosen, strict=False)
    return frozenset(key for key, _ in module.named_parameters() if key not in chosen)


def _prefixes(module: nn.Module) -> Mapping[str, str]:
    """What a network that is built on another one says of its layers; nothing for others."""
    keys = getattr(module, "backbone_keys", None)
    prefixes: Mapping[str, str] = keys() if keys is not None else {}
    return prefixes


def _is_counter(key: str) -> bool:
    return key.endswith(weights_files.COUNTERS)
