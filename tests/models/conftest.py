"""Random networks by torchvision name, each built once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch

from wsol.models.base import Classifier, load_classifier


@cache
def _classifier(name: str, input_size: int) -> Classifier:
    return load_classifier(name, weights="random", input_size=input_size)


@pytest.fixture(scope="session")
def random_classifier() -> Callable[[str, int], Classifier]:
    """(name, input size) to a classifier with random weights."""
    return _classifier


def wrap(module: torch.nn.Module, *, input_size: int, num_classes: int, name: str = "toy") -> Classifier:
    """A classifier around any module."""
    colour = (0.5, 0.5, 0.5)
    return Classifier(
        name=name,
        module=module.eval(),
        num_classes=num_classes,
        input_size=input_size,
        mean=colour,
        std=colour,
        weights_id="toy:0",
    )


def unfilled(name: str) -> Classifier:
    """A torchvision CNN without the seconds its initialisation takes; all weights are small constants."""
    import torchvision

    with torch.device("meta"):
        module = torchvision.models.get_model(name, weights=None)
    module.to_empty(device="cpu")
    with torch.no_grad():
        for value in module.state_dict().values():
            value.fill_(1 if not value.is_floating_point() else 0.01)
    return wrap(module, input_size=224, num_classes=1000, name=name)
