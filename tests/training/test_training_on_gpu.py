"""Training on a GPU: twice the same weights, in half precision too, and a network that learns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from tests.training.small import equal, trained
from wsol.training.checkpoint import LOG

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


@pytest.mark.parametrize("mixed", ["false", "true"])
def test_the_same_seed_gives_the_same_weights(mixed: str, tmp_path: Path) -> None:
    words = ("engine.device=cuda", f"recipe.mixed={mixed}", "recipe.epochs=4")
    one, other = trained(tmp_path / "one", *words), trained(tmp_path / "other", *words)
    assert equal(one, other)
    assert all(bool(weight.isfinite().all()) for weight in one.values())
    with (tmp_path / "one" / LOG).open() as file:
        losses = [float(line["loss"]) for line in csv.DictReader(file)]
    assert losses[-1] < losses[0]


def test_in_full_precision_the_weights_are_near_the_cpus(tmp_path: Path) -> None:
    there = trained(tmp_path / "there", "engine.device=cuda", "recipe.epochs=1")
    here = trained(tmp_path / "here", "recipe.epochs=1")
    for name, weight in here.items():
        torch.testing.assert_close(there[name], weight, rtol=1e-3, atol=1e-3 * float(weight.abs().max()), msg=name)
