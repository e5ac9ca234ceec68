"""Trees of `trees`, read with the options that are guessed of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.datasets.trees import TREES
from wsol.datasets.base import Dataset, datasets
from wsol.datasets.recognition import guesses
from wsol.options import build

Facts = list[tuple[str, int, list[list[float]]]]


def opened(name: str, root: Path, **options: Any) -> Dataset:
    """The tree of that name, written and read with the options that are guessed and these."""
    key, writer = TREES[name]
    if not root.exists():
        writer(root)
    guess = next(guess for guess in guesses(root) if guess.key == key)
    return build(datasets[key], {**guess.options, **options}, where="dataset")


def facts(data: Dataset) -> Facts:
    assert {s.size_wh for s in data.samples()} == {(8, 6)}
    return [(s.image_id, s.label, s.boxes_xyxy.tolist()) for s in data.samples()]
