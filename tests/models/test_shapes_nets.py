"""The embedded networks: what they are made of, what they cost, and what they get right."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import safetensors.torch
import torch

from wsol.datasets.formats.shapes import Shapes
from wsol.errors import ModelError
from wsol.models.forward import capture
from wsol.models.networks._shapes import INPUT_SIZE, MEAN, NUM_CLASSES, STD, WEIGHTS
from wsol.models.registered import models
from wsol.models.zoo import load_classifier

STAGES = {
    "shapes_vgg": ("features.1", "features.4", "features.7", "features.12", "features.17"),
    "shapes_gap": ("stage1", "stage2", "stage3", "stage4", "stage5"),
}
NETS = tuple(STAGES)
SIDES = {"shapes_vgg": (128, 64, 32, 16, 8), "shapes_gap": (128, 64, 32, 16, 16)}


def build(name: str) -> torch.nn.Module:
    """The network before its trained weights are read."""
    made = models[name].make()
    assert isinstance(made, torch.nn.Module)
    return made


def load_embedded(name: str) -> torch.nn.Module:
    return load_classifier(name).module


@pytest.fixture(scope="module")
def squashed() -> tuple[torch.Tensor, torch.Tensor]:
    """The first 200 images of the test split as the networks take them, and their classes."""
    shapes = Shapes(n=200)
    arrays = [
        np.asarray(shapes.image(sample).resize((INPUT_SIZE, INPUT_SIZE), PIL.Image.Resampling.BILINEAR))
        for sample in shapes.samples()
    ]
    images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return (images - mean) / std, torch.tensor([sample.label for sample in shapes.samples()])


def recorded(name: str) -> int:
    """How many of the first 200 test images the README of the weights says are right."""
    text = (WEIGHTS / "README.md").read_text()
    found = re.search(rf"^\| `{name}` \|.*\| (\d+) / 200 \|", text, re.MULTILINE)
    assert found, f"{WEIGHTS / 'README.md'} has no row for {name}"
    return int(found[1])


@pytest.mark.full
@pytest.mark.parametrize("name", NETS)
def test_accuracy_is_the_recorded_one(name: str, squashed: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = squashed
    net = load_embedded(name)
    with torch.inference_mode():
        right = int((torch.cat([net(part) for part in images.split(50)]).argmax(1) == labels).sum())
    assert abs(right - recorded(name)) <= 1  # float rounding may move an image that is on the edge


@pytest.mark.parametrize("name", NETS)
def test_weights_are_small_and_fit_the_network_that_build_gives(name: str) -> None:
    file = WEIGHTS / f"{name}.safetensors"
    assert file.stat().st_size < 1_500_000
    tensors = safetensors.torch.load_file(file)
    net = build(name)
    assert set(tensors) == set(net.state_dict())
    assert all(tensor.isfinite().all() for tensor in tensors.values())


@pytest.mark.parametrize("name", NETS)
def test_loaded_networks_are_ready_to_evaluate(name: str) -> None:
    net = load_embedded(name)
    assert not net.training
    assert all(parameter.dtype == torch.float32 for parameter in net.parameters())
    one, other = net(torch.ones(1, 3, 128, 128)), load_embedded(name)(torch.ones(1, 3, 128, 128))
    assert one.shape == (1, NUM_CLASSES)
    assert torch.equal(one, other)


@pytest.mark.parametrize("name", NETS)
def test_five_stages_have_the_documented_sizes_and_are_not_negative(name: str) -> None:
    images = torch.randn(2, 3, INPUT_SIZE, INPUT_SIZE, generator=torch.Generator().manual_seed(0))
    with capture(load_embedded(name), STAGES[name], gradients=False) as forward:
        result = forward(images)
    for stage, side in zip(STAGES[name], SIDES[name], strict=True):
        assert result.activations[stage].shape[2:] == (side, side)
        assert result.activations[stage].min() >= 0


@pytest.mark.parametrize("name", NETS)
def test_a_forward_costs_less_than_sixty_million_multiplications(name: str) -> None:
    total = 0

    def count(module: torch.nn.Module, args: object, output: torch.Tensor) -> None:
        nonlocal total
        weight = module.weight
        total += weight.numel() * (output[0, 0].numel() if weight.ndim == 4 else 1)

    net = build(name).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    net(torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE))
    assert 20e6 < total < 60e6


def test_the_vgg_is_named_as_torchvisions_and_has_no_batch_norm() -> None:
    net = load_embedded("shapes_vgg")
    assert [type(layer).__name__ for layer in net.features[:3]] == ["Conv2d", "ReLU", "MaxPool2d"]
    assert sum(isinstance(layer, torch.nn.Linear) for layer in net.classifier) == 2
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    assert all(module.inplace for module in net.modules() if isinstance(module, torch.nn.ReLU))


def test_the_gap_networks_logits_are_its_linear_head_on_the_mean_of_stage_five() -> None:
    net = load_embedded("shapes_gap").double()
    images = torch.randn(2, 3, INPUT_SIZE, INPUT_SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with capture(net, ["stage5"], gradients=False) as forward:
        result = forward(images)
    expected = result.activations["stage5"].mean((2, 3)) @ net.fc.weight.T + net.fc.bias
    torch.testing.assert_close(result.logits, expected, rtol=1e-12, atol=1e-12)


def test_missing_weights_say_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = dataclasses.replace(models["shapes_gap"], trained=tmp_path / "shapes_gap.safetensors")
    monkeypatch.setitem(models._members, "shapes_gap", moved)
    with pytest.raises(ModelError, match=r"there is no weights file '.*shapes_gap.safetensors'"):
        load_embedded("shapes_gap")


@pytest.mark.full
def test_mean_and_deviation_are_those_of_the_train_split() -> None:
    shapes = Shapes(split="train", n=150)
    images = [np.asarray(shapes.image(sample)) / 255 for sample in shapes.samples()]
    colours = np.concatenate([image.reshape(-1, 3) for image in images])
    np.testing.assert_allclose(colours.mean(0), MEAN, atol=0.03)
    np.testing.assert_allclose(colours.std(0), STD, atol=0.03)


def test_readme_of_the_weights_names_seed_and_command() -> None:
    text = (WEIGHTS / "README.md").read_text()
    assert "scripts/train_shapes.py" in text
    assert "seed 0" in text
