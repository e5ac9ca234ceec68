"""The networks of Choe et al.: sizes of maps, numbers of parameters, logits from checkpoints by their keys alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from wsol.cli import main
from wsol.errors import ConfigError, ModelError
from wsol.models.outline import outline
from wsol.models.stages import resolve_layer
from wsol.models.zoo import load_classifier

CLASSES = 7
State = dict[str, Tensor]
VGG = {
    14: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512",
    28: "64 64 M 128 128 M 256 256 256 M" + 6 * " 512",
}


def conv(state: State, key: str, x: Tensor, **how: object) -> Tensor:
    return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), **how)  # type: ignore[arg-type]


def norm(state: State, key: str, x: Tensor, eps: float) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{key}.{name}"] for name in names), eps=eps)


def vgg(state: State, x: Tensor, grid: int) -> Tensor:
    at = 0
    for word in VGG[grid].split():
        if word == "M":
            x, at = F.max_pool2d(x, 2), at + 1
        else:
            x, at = conv(state, f"features.{at}", x, padding=1).relu(), at + 2
    x = conv(state, "conv6", x, padding=1).relu()
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def resnet(state: State, x: Tensor, grid: int) -> Tensor:
    x = norm(state, "bn1", conv(state, "conv1", x, stride=2, padding=3), 1e-5).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    strides = {1: 1, 2: 2, 3: 2 if grid == 14 else 1, 4: 1}
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            key, stride = f"layer{stage}.{block}", strides[stage] if block == 0 else 1
            y = norm(state, f"{key}.bn1", conv(state, f"{key}.conv1", x), 1e-5).relu()
            y = norm(state, f"{key}.bn2", conv(state, f"{key}.conv2", y, stride=stride, padding=1), 1e-5).relu()
            y = norm(state, f"{key}.bn3", conv(state, f"{key}.conv3", y), 1e-5)
            if block == 0:
                x = norm(state, f"{key}.downsample.1", conv(state, f"{key}.downsample.0", x, stride=stride), 1e-5)
            x = (x + y).relu()
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def inception(state: State, x: Tensor, grid: int) -> Tensor:
    def unit(key: str, x: Tensor, **how: object) -> Tensor:
        return norm(state, f"{key}.bn", conv(state, f"{key}.conv", x, **how), 1e-3).relu()

    def chain(key: str, x: Tensor, *paddings: object) -> Tensor:
        for n, padding in enumerate(paddings, start=1):
            x = unit(f"{key}_{n}", x, padding=padding)
        return x

    def average(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, 1, 1)

    x = unit("Conv2d_1a_3x3", x, stride=2, padding=1)
    x = unit("Conv2d_2b_3x3", unit("Conv2d_2a_3x3", x), padding=1)
    x = unit("Conv2d_4a_3x3", unit("Conv2d_3b_1x1", F.max_pool2d(x, 3, 2, 1, ceil_mode=True)))
    x = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
    for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        parts = [unit(f"{name}.branch1x1", x), chain(f"{name}.branch5x5", x, 0, 2)]
        parts += [chain(f"{name}.branch3x3dbl", x, 0, 1, 1), unit(f"{name}.branch_pool", average(x))]
        x = torch.cat(parts, 1)
    if grid == 14:
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    parts = [unit("Mixed_6a.branch3x3", x, padding=1), chain("Mixed_6a.branch3x3dbl", x, 0, 1, 1)]
    x = torch.cat([*parts, F.max_pool2d(x, 3, 1, 1)], 1)
    for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        wide, high = (0, 3), (3, 0)
        parts = [unit(f"{name}.branch1x1", x), chain(f"{name}.branch7x7", x, 0, wide, high)]
        parts += [chain(f"{name}.branch7x7dbl", x, 0, high, wide, high, wide)]
        x = torch.cat([*parts, unit(f"{name}.branch_pool", average(x))], 1)
    for name in ("SPG_A3_1b.0", "SPG_A3_2b.0"):
        x = conv(state, name, x, padding=1).relu()
    return conv(state, "SPG_A4", x).mean((2, 3))


TWINS: dict[str, Callable[[State, Tensor, int], Tensor]] = {
    "vgg16_gap": vgg,
    "resnet50_gap": resnet,
    "inceptionv3_gap": inception,
}
PARAMETERS = {  # convolutions of the body, those of the paper, the linear layer
    "vgg16_gap": 14_714_688 + (512 * 1024 * 9 + 1024) + (1024 * CLASSES + CLASSES),
    "resnet50_gap": 23_508_032 + (2048 * CLASSES + CLASSES),
    "inceptionv3_gap": 8_965_856 + (768 * 1024 * 9 + 1024) + (1024 * 1024 * 9 + 1024) + (1024 * CLASSES + CLASSES),
}
LAST = {"vgg16_gap": "relu", "resnet50_gap": "layer4", "inceptionv3_gap": "SPG_A3_2b"}


def random_state(state: State) -> State:
    """The network's weights with statistics that change what is normalized, and no part silent."""
    draw = torch.Generator().manual_seed(0)
    made = {}
    for key, value in state.items():
        noise = torch.rand(value.shape, generator=draw)
        if key.endswith("running_var") or (value.ndim == 1 and key.endswith("weight")):
            made[key] = noise + 0.5
        elif not key.endswith("num_batches_tracked"):
            made[key] = (
                value + 0.1 * (noise - 0.5) if value.ndim == 1 else value * (2 / value[0].numel() / value.var()) ** 0.5
            )
    return made


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("grid", [14, 28])
def test_a_checkpoint_of_the_papers_code_gives_its_logits(name: str, grid: int, tmp_path: Path) -> None:
    plain = load_classifier(name, weights="random", num_classes=CLASSES, grid=grid)
    assert sum(p.numel() for p in plain.module.parameters()) == PARAMETERS[name]
    state = random_state(plain.module.state_dict())
    file = tmp_path / "last_checkpoint.pth.tar"
    torch.save({"architecture": name, "epoch": 10, "state_dict": state}, file)
    loaded = load_classifier(name, weights=str(file), grid=grid)
    assert loaded.num_classes == CLASSES
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = TWINS[name](state, images, grid)
        torch.testing.assert_close(loaded.module(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert float((expected[0] - expected[1]).abs().max()) > 1e-3 * float(expected.abs().max())


@pytest.mark.full
@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("grid", [14, 28])
def test_the_last_map_has_the_cells_that_were_asked_for(name: str, grid: int) -> None:
    made = load_classifier(name, weights="random", num_classes=CLASSES, grid=grid)
    last = resolve_layer(made, "last")
    assert last == LAST[name]
    assert outline(made)[last].grid == (grid, grid)


def test_weights_must_be_named() -> None:
    with pytest.raises(ModelError, match=r"no weights of vgg16_gap are published; give model.weights=FILE"):
        load_classifier("vgg16_gap")


def test_another_grid_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.grid=7: the last map of resnet50_gap has 14 or 28 cells"):
        load_classifier("resnet50_gap", weights="random", grid=7)


@pytest.mark.full
@pytest.mark.parametrize("name", TWINS)
def test_cams_run_on_it(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"model={name}", "model.weights=random", "model.num_classes=10", "model.input_size=64", "dataset.n=2"]
    words += ["method=[cam,gradcam,layercam]", "metric=[]", "gallery=0", f"paths.runs={tmp_path}"]
    assert main(["run", *words]) == 0  # `cam` asks for a linear head behind the layer
    printed = capsys.readouterr().out
    assert all(f"| {method}@" in printed for method in ("cam", "gradcam", "layercam"))
