"""A tiny seeded network and cases around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from wsol.metrics._base import MetricInput
from wsol.models.query import ModelQuery

HEIGHT, WIDTH, CLASSES = 20, 24, 6
MakeCase = Callable[..., MetricInput]


@pytest.fixture(scope="session")
def net() -> torch.nn.Module:
    """Two convolutions in float64, scaled so that probabilities move when pixels do."""
    generator = torch.Generator().manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 5, stride=2, padding=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(6, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(32, CLASSES),
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.4)
    return model.eval()


@pytest.fixture
def make_case(net: torch.nn.Module) -> MakeCase:
    """A case with a smooth random map; any field can be given."""

    def make(number: int = 0, **given: Any) -> MetricInput:
        rng = np.random.default_rng(number)
        image = torch.as_tensor(rng.normal(size=(3, HEIGHT, WIDTH)))
        coarse = torch.as_tensor(rng.normal(size=(1, 1, 5, 5)))  # drawn always: a given map changes nothing else
        smooth = torch.nn.functional.interpolate(coarse, size=(HEIGHT, WIDTH), mode="bilinear")[0, 0].numpy()
        raw = given.pop("map", smooth)
        image = given.pop("image", image)
        span = raw.max() - raw.min()
        x0, y0 = rng.integers(0, 12, 2)
        mask = np.zeros(raw.shape, np.uint8)
        mask[y0 : y0 + 8, x0 : x0 + 9] = 1
        mask[(mask == 0) & (rng.random(raw.shape) < 0.1)] = 255
        with torch.no_grad():
            probabilities = net(image[None].double()).softmax(1)[0].numpy()
        values = {
            "image": image,
            "map": raw,
            "map01": (raw - raw.min()) / span if span > 0 else np.zeros_like(raw),
            "target": int(rng.integers(CLASSES)),
            "probabilities": probabilities,
            "query": ModelQuery(net, chunk=7),
            "boxes": np.array([[x0, y0, x0 + 9, y0 + 8], [1.5, 2.0, 5.25, 4.0]]),
            "mask": mask,
            "remap": lambda other: np.asarray(other.abs().sum(0)),
            "image_id": f"image{number}",
            "seed": 0,
        }
        return MetricInput(**(values | given))

    return make


@pytest.fixture
def probabilities(net: torch.nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a function of one array, for the slow twins."""

    def ask(image: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(net(torch.as_tensor(image)[None].double()).softmax(1)[0].numpy())

    return ask
