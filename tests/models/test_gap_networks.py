"""The networks of Choe et al., plain and with heads: names, sizes, logits from checkpoints by their keys alone."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.models.backbones import fill_backbone
from tests.reference.gap_networks import FORWARD, shapes
from wsol.cli import main
from wsol.errors import ConfigError, ModelError
from wsol.models.outline import outline
from wsol.models.registered import models
from wsol.models.stages import resolve_layer
from wsol.models.zoo import load_classifier

CLASSES = 7
HEADS = (None, "adl", "acol", "spg")
PARAMETERS = {  # convolutions of the body, those of the paper, the linear layer
    "vgg16_gap": 14_714_688 + (512 * 1024 * 9 + 1024) + (1024 * CLASSES + CLASSES),
    "resnet50_gap": 23_508_032 + (2048 * CLASSES + CLASSES),
    "inceptionv3_gap": 8_965_856 + (768 * 1024 * 9 + 1024) + (1024 * 1024 * 9 + 1024) + (1024 * CLASSES + CLASSES),
}
LAST = {
    "vgg16_gap": {None: "relu", "adl": "relu", "spg": "SPG_A_3"},
    "resnet50_gap": {None: "layer4", "adl": "layer4.3", "spg": "layer4"},
    "inceptionv3_gap": {None: "SPG_A3_2b", "adl": "SPG_A3_2b", "spg": "SPG_A3_2b"},
}


def random_state(sizes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights that keep signals alive, with statistics that change what is normalized, and no part silent."""
    draw = torch.Generator().manual_seed(0)
    made = {}
    for key, size in sizes.items():
        if len(size) > 1:
            made[key] = torch.randn(size, generator=draw) * (2 / prod(size[1:])) ** 0.5
        elif key.endswith("running_var") or (key.endswith("weight") and key.replace("weight", "running_var") in sizes):
            made[key] = torch.rand(size, generator=draw) + 0.5
        else:
            made[key] = 0.1 * torch.randn(size, generator=draw)
    return made


def options(head: str | None) -> dict[str, str]:
    return {} if head is None else {"head": head}


def hollow(name: str, head: str | None, grid: int) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        made = models[name].make(num_classes=CLASSES, grid=grid, **options(head))
    assert isinstance(made, nn.Module)
    return made


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("grid", [14, 28])
@pytest.mark.parametrize("head", HEADS)
def test_parameters_have_the_names_and_shapes_of_the_paper_s_code(name: str, grid: int, head: str | None) -> None:
    made = hollow(name, head, grid)
    own = {key: tuple(value.shape) for key, value in made.state_dict().items() if "num_batches" not in key}
    assert own == shapes(name, head, CLASSES, grid)
    if head in (None, "adl"):
        assert sum(p.numel() for p in made.parameters()) == PARAMETERS[name]


CASES = [
    *((name, grid, None) for grid in (14, 28) for name in FORWARD),
    *((name, 14, head) for head in HEADS[1:] for name in FORWARD),
    *(("vgg16_gap", 28, head) for head in HEADS[1:]),
]


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(("name", "grid", "head"), CASES)
def test_a_checkpoint_of_the_papers_code_gives_its_logits(
    name: str, grid: int, head: str | None, tmp_path: Path
) -> None:
    state = random_state(shapes(name, head, CLASSES, grid))
    file = tmp_path / "last_checkpoint.pth.tar"
    torch.save({"architecture": name, "epoch": 10, "state_dict": state}, file)
    loaded = load_classifier(name, weights=str(file), grid=grid, **options(head))
    assert loaded.num_classes == CLASSES
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = FORWARD[name](state, images, grid, head)
        torch.testing.assert_close(loaded.module(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert float((expected[0] - expected[1]).abs().max()) > 1e-3 * float(expected.abs().max())


@pytest.mark.full
@pytest.mark.parametrize(("name", "grid", "head"), CASES)
def test_the_last_map_has_the_cells_that_were_asked_for(name: str, grid: int, head: str | None) -> None:
    made = load_classifier(name, weights="random", num_classes=CLASSES, grid=grid, **options(head))
    last = resolve_layer(made, "last")
    assert last == LAST[name].get(head, "classifier_A.3")
    assert outline(made)[last].grid == (grid, grid)


def test_weights_must_be_named() -> None:
    with pytest.raises(ModelError, match=r"no weights of vgg16_gap are published; give model.weights=FILE"):
        load_classifier("vgg16_gap")


def test_another_grid_or_head_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.grid=7: the last map of resnet50_gap has 14 or 28 cells"):
        load_classifier("resnet50_gap", weights="random", grid=7)
    with pytest.raises(ConfigError, match=r"there is no head of resnet50_gap 'acoll'; nearest: 'acol'"):
        load_classifier("resnet50_gap", weights="random", head="acoll")


def test_grid_and_head_are_in_the_identity_of_the_weights() -> None:
    made = [
        load_classifier("shapes_vgg_gap", weights="random", **given)
        for given in ({}, {"grid": 8}, {"head": "adl"}, {"grid": 8, "head": "adl"})
    ]
    assert len({one.weights_digest for one in made}) == 4
    assert made[3].weights_source == "random, grid=8 head=adl"


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("grid", [8, 16])
def test_the_small_network_has_every_head(head: str | None, grid: int) -> None:
    made = load_classifier("shapes_vgg_gap", weights="random", grid=grid, **options(head))
    last = resolve_layer(made, "last")
    assert last == LAST["vgg16_gap"].get(head, "classifier_A.3")
    assert outline(made)[last].grid == (grid, grid)
    assert made.num_classes == 10


@pytest.mark.parametrize("head", HEADS)
def test_the_small_network_takes_its_backbone_from_shapes_vgg(head: str | None) -> None:
    made = load_classifier("shapes_vgg_gap", weights="random", grid=8, **options(head)).module
    whole = load_classifier("shapes_vgg").module
    set_ = fill_backbone(made, whole.state_dict())
    assert len(set_) == 14  # seven convolutions, weights and biases
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    if head in (None, "adl"):
        with torch.no_grad():
            own, theirs = made.eval().features(images), whole.features[:18](images)
        torch.testing.assert_close(own, theirs)


BACKBONES = {"vgg16_gap": "vgg16", "resnet50_gap": "resnet50", "inceptionv3_gap": "inception_v3"}


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", BACKBONES)
def test_torchvision_s_weights_become_the_backbone(name: str, head: str | None) -> None:
    import torchvision

    with torch.device("meta"):
        quick = {"init_weights": False} if name == "inceptionv3_gap" else {}
        theirs = torchvision.models.get_model(BACKBONES[name], weights=None, **quick)
        made = models[name].make(num_classes=CLASSES, **options(head))
    state = {key: torch.full(value.shape, float(n)) for n, (key, value) in enumerate(theirs.state_dict().items())}
    made.to_empty(device="cpu")
    fill_backbone(made, state)
    numbers = {float(value.flatten()[0]) for key, value in made.state_dict().items() if "num_batches" not in key}
    left_out = ("classifier", "fc", "Mixed_7", "AuxLogits")
    kept = [
        n for n, key in enumerate(state) if not key.startswith(left_out) and not key.endswith("num_batches_tracked")
    ]
    assert numbers >= set(map(float, kept))


@pytest.mark.full
@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("head", HEADS)
def test_cams_run_on_it(name: str, head: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"model={name}", "model.weights=random", "model.num_classes=10", "model.input_size=64", "dataset.n=2"]
    words += ["method=[cam,gradcam,layercam]", "metric=[]", "gallery=0", f"paths.runs={tmp_path}"]
    words += [] if head is None else [f"model.head={head}"]
    assert main(["run", *words]) == 0  # `cam` asks for a linear head behind the layer
    printed = capsys.readouterr().out
    assert all(f"| {method}@" in printed for method in ("cam", "gradcam", "layercam"))
