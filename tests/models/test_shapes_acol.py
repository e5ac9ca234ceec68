"""The embedded network with ACoL's two branches: its weights, what it knows, and the script that made them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

import wsol
from scripts import train_shapes_acol
from tests.models.known_images import recorded, right
from wsol.datasets.formats.shapes import Shapes
from wsol.methods._base import methods
from wsol.models.networks._shapes import WEIGHTS
from wsol.models.registered import models
from wsol.models.zoo import load_classifier
from wsol.options import defaults
from wsol.training.technique import techniques

NAME = "shapes_acol"
FILE = WEIGHTS / f"{NAME}.safetensors"


def test_its_weights_are_small_and_those_of_the_network_of_the_training() -> None:
    assert FILE.stat().st_size < 800_000
    stored = safetensors.torch.load_file(FILE)
    trained = load_classifier("shapes_vgg_gap", weights="random", head="acol").module.state_dict()
    assert {key: value.shape for key, value in stored.items()} == {key: value.shape for key, value in trained.items()}
    assert all(value.dtype == torch.float16 and value.isfinite().all() for value in stored.values())
    loaded = load_classifier(NAME).module.state_dict()
    assert all(
        value.dtype == torch.float32 and torch.equal(value, stored[key].float()) for key, value in loaded.items()
    )


def test_method_and_technique_hide_from_the_same_threshold_on() -> None:
    assert defaults(methods["acol"]) == defaults(techniques["acol"]) == {"threshold": 0.7}
    assert "0.7" in str(models[NAME].make.__doc__)


def test_most_images_are_classified_right() -> None:
    assert right(NAME, 10) >= 7


@pytest.mark.full
def test_the_first_images_are_classified_as_recorded() -> None:
    assert abs(right(NAME, 200) - recorded(NAME)) <= 1  # another processor may round one logit the other way


def test_the_second_branch_shows_parts_that_the_first_one_leaves() -> None:
    shapes = Shapes(n=10)
    pictures, labels = zip(*((shapes.image(s), s.label) for s in shapes.samples()), strict=True)
    network = load_classifier(NAME)
    both, first = (wsol.attribute(network, pictures, key, target=labels).raw for key in ("acol", "cam"))
    low, high = (getattr(first, end)((1, 2), keepdims=True) for end in ("min", "max"))
    first = (first - low) / (high - low)
    assert both.shape == first.shape == (10, 16, 16)
    assert (both >= first - 1e-4).all()
    assert ((both > 0.5).sum((1, 2)) > (first > 0.5).sum((1, 2))).sum() >= 5


def test_the_script_rounds_weights_and_leaves_out_what_is_known_of_their_training(tmp_path: Path) -> None:
    weights = {"a": torch.tensor([1.0, 1.0001, -70000.0 / 2])}
    safetensors.torch.save_file(weights, tmp_path / "trained.safetensors", {"wsol": "{}"})
    train_shapes_acol.halve(tmp_path / "trained.safetensors", tmp_path / "new" / "half.safetensors")
    with safetensors.safe_open(tmp_path / "new" / "half.safetensors", "pt") as file:
        assert not file.metadata()
        assert torch.equal(file.get_tensor("a"), weights["a"].half())


@pytest.mark.full
def test_the_script_trains_and_its_file_fits_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["recipe.epochs=1", "dataset.n=20", "recipe.check=none"]
    monkeypatch.setattr(sys, "argv", ["train_shapes_acol.py", "--out", str(tmp_path), "--words", *words])
    assert train_shapes_acol.main() == 0
    given = load_classifier(NAME, weights=str(tmp_path / train_shapes_acol.NAME)).module.state_dict()
    assert any(not torch.equal(value, given[key]) for key, value in load_classifier(NAME).module.state_dict().items())
