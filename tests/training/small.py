"""A training of a second: few drawings at 32 pixels, the smallest network."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml
from torch import Tensor, nn

from wsol.cli.train import settings_of
from wsol.training.job import run_training
from wsol.training.technique import Technique, TrainingBatch

WORDS = (
    *("recipe=shapes", "dataset=shapes", "dataset.n=20", "model=shapes_gap", "model.weights=random"),
    *("recipe.first=null", "recipe.epochs=2", "recipe.batch=8", "recipe.resize=32", "recipe.crop=32"),
    *("recipe.padding=2", "recipe.check_every=1", "engine.device=cpu", "model.input_size=32"),
)


@cache
def _composed() -> dict[str, Any]:
    return settings_of([*WORDS, "out=nowhere"])


def settings(out: Path, *words: str) -> dict[str, Any]:
    """The settings of a small training, composed once: Hydra takes longer than the steps."""
    made = copy.deepcopy(_composed()) | {"out": str(out)}
    for word in words:
        key, _, value = word.partition("=")
        group, _, name = key.partition(".")
        if name:
            made[group][name] = yaml.safe_load(value)
        else:
            made[group] = {"name": value} if group == "technique" else yaml.safe_load(value)
    return made


def trained(out: Path, *words: str) -> dict[str, Tensor]:
    """Train, and read the weights."""
    return safetensors.torch.load_file(run_training(settings(out, *words)))


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether all weights are the same, to the last bit."""
    return one.keys() == other.keys() and all(bool((one[key] == other[key]).all()) for key in one)


def first_and_last_loss(
    net: nn.Module, technique: Technique, batch: Callable[[], TrainingBatch]
) -> tuple[float, float]:
    """The losses of the first and the twelfth of twelve steps of SGD, each on the batch given then."""
    optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    losses = []
    for _ in range(12):
        loss = technique.loss(net, batch())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]
