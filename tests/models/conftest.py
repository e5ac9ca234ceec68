"""Random networks by torchvision name, each built once a session, and a tiny registered one with its files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import safetensors.torch
import torch

from wsol.models.classifier import Classifier
from wsol.models.registered import model, models
from wsol.models.zoo import load_classifier


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


class Tiny(torch.nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 6, 3)
        self.bn = torch.nn.BatchNorm2d(6)
        self.fc = torch.nn.Linear(6, num_classes)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).relu().mean((2, 3)))


@pytest.fixture
def tiny(monkeypatch):
    """`tiny`, a registered network of four classes, for the length of a test."""
    monkeypatch.setattr(models, "_members", dict(models))

    @model("tiny", input_size=16, class_names=("a", "b", "c", "d"))
    def make(*, num_classes=4):
        return Tiny(num_classes)

    return "tiny"


@pytest.fixture
def checkpoint(tmp_path):
    """A file with the weights of a `Tiny`, with the given content around them."""

    def write(num_classes=4, *, name="tiny.pth", around=lambda state: state):
        path = tmp_path / name
        torch.manual_seed(3)
        content = around(Tiny(num_classes).state_dict())
        if name.endswith(".safetensors"):
            safetensors.torch.save_file(content, path)
        else:
            torch.save(content, path)
        return str(path)

    return write
