"""What a new user of the Python face has: a small network, pictures with boxes, and its rows of one method."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

import wsol

SIDE = 32


class Net(torch.nn.Module):
    """A small network, its output changed by a function."""

    def __init__(self, channels: int = 3, classes: int = 5, end: Any = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 8, 3, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 6, 3, 2, 1), torch.nn.ReLU()
        )
        self.head = torch.nn.Linear(6, classes)
        self.end = end or (lambda logits: logits)

    def forward(self, images: torch.Tensor) -> Any:
        return self.end(self.head(self.body(images).mean((2, 3))))


def batch(count: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.randn(count, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def pictures(count: int = 4) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)) for _ in range(count)]


def data(labels: tuple[Any, ...] = (0, 1, 2, 3)) -> list[tuple[Any, ...]]:
    return [(image, label, [[5, 5, 20, 20]]) for image, label in zip(pictures(len(labels)), labels, strict=True)]


def rows(model: Any, dataset: Any, **options: Any) -> Any:
    given = {"methods": "gradcam", "layers": "body.3", "input_size": SIDE, "gallery": 0, **options}
    return wsol.evaluate(model, dataset, **given).rows()
