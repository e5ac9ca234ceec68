"""How many of the embedded test images a network classifies right, and how many its README says."""

from __future__ import annotations

import re

import numpy as np
import torch

from wsol.datasets.formats.shapes import Shapes
from wsol.models.networks._shapes import INPUT_SIZE, WEIGHTS
from wsol.models.zoo import load_classifier


def recorded(name: str) -> int:
    """How many of the first 200 test images the README of the weights says are right."""
    found = re.search(rf"^\| `{name}` \|.*\| (\d+) / 200 \|", (WEIGHTS / "README.md").read_text(), re.MULTILINE)
    assert found, f"{WEIGHTS / 'README.md'} has no row for {name}"
    return int(found[1])


def right(name: str, images: int) -> int:
    """How many of the first test images a network classifies right."""
    classifier, shapes = load_classifier(name), Shapes(n=images)
    pixels = [
        classifier.normalized(shapes.image(sample).resize((INPUT_SIZE, INPUT_SIZE), 2)) for sample in shapes.samples()
    ]
    with torch.no_grad():
        logits = classifier.module(torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2))
    return int((logits.argmax(1) == torch.tensor([sample.label for sample in shapes.samples()])).sum())
