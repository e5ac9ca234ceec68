"""Which parameters are trained, and how fast each group of them learns."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from wsol.errors import ConfigError
from wsol.training.recipe import NEW

if TYPE_CHECKING:
    from torch import nn

    from wsol.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Group:
    """Names of parameters that learn at one rate, `factor` times the recipe's."""

    factor: float
    names: tuple[str, ...]


def groups_of(recipe: Recipe, names: Iterable[str], new: Collection[str]) -> tuple[Group, Group]:
    """The slower and the faster group of the trainable parameters.

    Parameters
    ----------
    new : those that start from no trained weights, which a recipe calls `new`.

    Raises
    ------
    ConfigError : a part of a name that no parameter has.
    """
    trained = list(names)
    if recipe.train_only is not None:
        trained = _with(trained, recipe.train_only, new, "recipe.train_only")
    if recipe.fast:
        fast = _with(trained, recipe.fast, new, "recipe.fast")
    elif recipe.slow:
        slow = _with(trained, recipe.slow, new, "recipe.slow")
        fast = [name for name in trained if name not in slow]
    else:
        fast = []
    return Group(1.0, tuple(n for n in trained if n not in fast)), Group(recipe.fast_factor, tuple(fast))


def _with(names: Iterable[str], parts: Iterable[str], new: Collection[str], where: str) -> list[str]:
    """The names that have one of the parts, or are new where one of the parts is `new`."""
    kept = list(names)
    chosen = [name for name in kept if any(name in new if part == NEW else part in name for part in parts)]
    if not chosen:
        raise ConfigError(f"{where}={','.join(parts)}: no parameter has such a name; there is {kept[0]!r}")
    return chosen


def optimizer_of(recipe: Recipe, network: nn.Module, new: Collection[str]) -> torch.optim.Optimizer:
    """The optimizer over both groups; parameters that are in none get no gradient. Each group knows its `factor`."""
    parameters = dict(network.named_parameters())
    groups: list[dict[str, Any]] = []
    for group in groups_of(recipe, parameters, new):
        if group.names:
            chosen = [parameters[name] for name in group.names]
            groups.append({"params": chosen, "lr": recipe.lr * group.factor, "factor": group.factor})
    trained = {id(parameter) for group in groups for parameter in group["params"]}
    for parameter in parameters.values():
        parameter.requires_grad_(id(parameter) in trained)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        groups,
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov and recipe.momentum > 0,
        weight_decay=recipe.weight_decay,
    )
