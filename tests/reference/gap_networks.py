"""The networks of Choe et al. from a checkpoint alone: names and shapes as in clovaai/wsolevaluation, and the logits.

Nothing here knows our modules: names are spelled out, and the forward pass is a chain of functions on named tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

State = Mapping[str, Tensor]
Shapes = dict[str, tuple[int, ...]]

VGG = {  # convolutions; M: pool of 2x2, P: pool of 3x3, p: the same at stride 1, A: a place of attention-based dropout
    (None, 14): "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512",
    (None, 28): "64 64 M 128 128 M 256 256 256 M 512 512 512 512 512 512",
    ("adl", 14): "64 64 M 128 128 M 256 256 256 M A 512 512 512 A M 512 512 512 A",
    ("adl", 28): "64 64 M 128 128 M 256 256 256 M A 512 512 512 A 512 512 512 A",
    ("acol", 14): "64 64 P 128 128 P 256 256 256 P 512 512 512 P 512 512 512 p",
    ("acol", 28): "64 64 P 128 128 P 256 256 256 P 512 512 512 p 512 512 512 p",
    ("spg", 14): "64 64 M 128 128 M 256 256 256 M",
    ("spg", 28): "64 64 M 128 128 M 256 256 256 M",
}
ADL_BLOCKS = {"layer3": (0, 2, 3, 4, 5, 6), "layer4": (0, 2, 3)}  # the numbers that the dropout leaves to the blocks
C7 = {"Mixed_6b": 128, "Mixed_6c": 160, "Mixed_6d": 160, "Mixed_6e": 192}


def conv(state: State, key: str, x: Tensor, **how: object) -> Tensor:
    return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), **how)  # type: ignore[arg-type]


def norm(state: State, key: str, x: Tensor, eps: float) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{key}.{name}"] for name in names), eps=eps)


def stack(state: State, part: str, x: Tensor) -> Tensor:
    """The 3x3 convolutions of a part, each with its ReLU."""
    for place in range(0, 6, 2):
        if f"{part}.{place}.weight" in state:
            x = conv(state, f"{part}.{place}", x, padding=1).relu()
    return x


def head(state: State, kind: str | None, x: Tensor) -> Tensor:
    """Logits from the last features."""
    if kind == "acol":
        x = conv(state, "classifier_A.0", x, padding=1).relu()
        x = conv(state, "classifier_A.2", x, padding=1).relu()
        return conv(state, "classifier_A.4", x).mean((2, 3))
    if kind == "spg":
        return conv(state, "SPG_A_4" if "SPG_A_4.weight" in state else "SPG_A4", x).mean((2, 3))
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def vgg(state: State, x: Tensor, grid: int, kind: str | None) -> Tensor:
    place = 0
    for word in VGG[kind, grid].split():
        if word.isdigit():
            x, place = conv(state, f"features.{place}", x, padding=1).relu(), place + 2
            continue
        if word != "A":
            x = F.max_pool2d(x, 2) if word == "M" else F.max_pool2d(x, 3, 2 if word == "P" else 1, 1)
        place += 1
    if kind == "acol":
        x = F.avg_pool2d(x, 3, 1, 1)
    elif kind == "spg":
        x = stack(state, "SPG_A_1", x)
        x = F.max_pool2d(x, 3, 2, 1) if grid == 14 else x
        x = stack(state, "SPG_A_3", stack(state, "SPG_A_2", x))
    else:
        x = conv(state, "conv6", x, padding=1).relu()
    return head(state, kind, x)


def resnet_blocks(kind: str | None) -> Iterator[tuple[int, int, str]]:
    """(stage, number of the block in it, name)."""
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            name = f"layer{stage}"
            place = ADL_BLOCKS[name][block] if kind == "adl" and name in ADL_BLOCKS else block
            if kind == "spg" and stage == 3:
                yield stage, block, "SPG_A1.0" if block == 0 else f"SPG_A2.{block - 1}"
            else:
                yield stage, block, f"{name}.{place}"


def resnet(state: State, x: Tensor, grid: int, kind: str | None) -> Tensor:
    x = norm(state, "bn1", conv(state, "conv1", x, stride=2, padding=3), 1e-5).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    strides = {1: 1, 2: 2, 3: 2 if grid == 14 else 1, 4: 1}
    for stage, block, key in resnet_blocks(kind):
        stride = strides[stage] if block == 0 else 1
        y = norm(state, f"{key}.bn1", conv(state, f"{key}.conv1", x), 1e-5).relu()
        y = norm(state, f"{key}.bn2", conv(state, f"{key}.conv2", y, stride=stride, padding=1), 1e-5).relu()
        y = norm(state, f"{key}.bn3", conv(state, f"{key}.conv3", y), 1e-5)
        if block == 0:
            x = norm(state, f"{key}.downsample.1", conv(state, f"{key}.downsample.0", x, stride=stride), 1e-5)
        x = (x + y).relu()
    return head(state, kind, x)


def inception(state: State, x: Tensor, grid: int, kind: str | None) -> Tensor:
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
    for name in C7:
        wide, high = (0, 3), (3, 0)
        parts = [unit(f"{name}.branch1x1", x), chain(f"{name}.branch7x7", x, 0, wide, high)]
        parts += [chain(f"{name}.branch7x7dbl", x, 0, high, wide, high, wide)]
        x = torch.cat([*parts, unit(f"{name}.branch_pool", average(x))], 1)
    if kind == "acol":
        return head(state, kind, x)
    for name in ("SPG_A3_1b.0", "SPG_A3_2b.0"):
        x = conv(state, name, x, padding=1).relu()
    return head(state, "spg", x)


FORWARD: dict[str, Callable[[State, Tensor, int, str | None], Tensor]] = {
    "vgg16_gap": vgg,
    "resnet50_gap": resnet,
    "inceptionv3_gap": inception,
}


def shapes(name: str, kind: str | None, classes: int, grid: int = 14) -> Shapes:
    """Names and shapes of a checkpoint, without the counters of batch norm."""
    found = {"vgg16_gap": _vgg_shapes, "resnet50_gap": _resnet_shapes, "inceptionv3_gap": _inception_shapes}[name](
        kind, grid
    )
    width = {"vgg16_gap": 512, "resnet50_gap": 2048, "inceptionv3_gap": 768}[name]
    if kind == "acol":
        for letter in "AB":
            found |= _conv(f"classifier_{letter}.0", width, 1024, 3)
            found |= _conv(f"classifier_{letter}.2", 1024, 1024, 3)
            found |= _conv(f"classifier_{letter}.4", 1024, classes, 1)
        return found
    if kind == "spg":
        inputs, b = {
            "vgg16_gap": ((512, 512, 512), 512),
            "resnet50_gap": ((1024, 1024, 2048), 1024),
            "inceptionv3_gap": ((288, 768, 1024), 512),
        }[name]
        for key, channels in zip(("SPG_B_1a.0", "SPG_B_2a.0"), inputs, strict=False):
            found |= _conv(key, channels, b, 3)
        found |= _conv("SPG_B_shared.0", b, b, 3) | _conv("SPG_B_shared.2", b, 1, 1)
        found |= _conv("SPG_C.0", inputs[2], 512, 3) | _conv("SPG_C.2", 512, 1, 1)
    if name == "inceptionv3_gap":
        found |= _conv("SPG_A3_1b.0", 768, 1024, 3) | _conv("SPG_A3_2b.0", 1024, 1024, 3)
        return found | _conv("SPG_A4", 1024, classes, 1)
    if kind == "spg":
        return found | (_conv("SPG_A_4", 512, classes, 1) if name == "vgg16_gap" else _conv("SPG_A4", 2048, classes, 1))
    last = {"vgg16_gap": 1024, "resnet50_gap": 2048}[name]
    conv6 = _conv("conv6", 512, 1024, 3) if name == "vgg16_gap" else {}
    return found | conv6 | {"fc.weight": (classes, last), "fc.bias": (classes,)}


def _conv(key: str, inputs: int, outputs: int, size: int) -> Shapes:
    return {f"{key}.weight": (outputs, inputs, size, size), f"{key}.bias": (outputs,)}


def _norm(key: str, channels: int) -> Shapes:
    return {f"{key}.{name}": (channels,) for name in ("weight", "bias", "running_mean", "running_var")}


def _vgg_shapes(kind: str | None, grid: int) -> Shapes:
    found: Shapes = {}
    inputs, place = 3, 0
    for word in VGG[kind, grid].split():
        if word.isdigit():
            found |= _conv(f"features.{place}", inputs, int(word), 3)
            inputs, place = int(word), place + 2
        else:
            place += 1
    if kind == "spg":
        parts = {"SPG_A_1": (256, 512, 512), "SPG_A_2": (512, 512, 512), "SPG_A_3": (512, 512)}
        for part, widths in parts.items():
            for n, width in enumerate(widths):
                found |= _conv(f"{part}.{2 * n}", width, 512, 3)
    return found


def _resnet_shapes(kind: str | None, grid: int) -> Shapes:
    found: Shapes = {"conv1.weight": (64, 3, 7, 7), **_norm("bn1", 64)}
    inputs = 64
    for stage, block, key in resnet_blocks(kind):
        inner = 32 * 2**stage
        sizes = {"1": (inner, inputs, 1, 1), "2": (inner, inner, 3, 3), "3": (4 * inner, inner, 1, 1)}
        for n, size in sizes.items():
            found |= {f"{key}.conv{n}.weight": size, **_norm(f"{key}.bn{n}", size[0])}
        if block == 0:
            found |= {f"{key}.downsample.0.weight": (4 * inner, inputs, 1, 1)}
            found |= _norm(f"{key}.downsample.1", 4 * inner)
        inputs = 4 * inner
    return found


def _inception_shapes(kind: str | None, grid: int) -> Shapes:
    found: Shapes = {}

    def unit(key: str, inputs: int, outputs: int, *size: int) -> None:
        height, width = size * 2 if len(size) == 1 else size
        found.update({f"{key}.conv.weight": (outputs, inputs, height, width), **_norm(f"{key}.bn", outputs)})

    def double(block: str, inputs: int) -> None:
        unit(f"{block}.branch3x3dbl_1", inputs, 64, 1)
        unit(f"{block}.branch3x3dbl_2", 64, 96, 3)
        unit(f"{block}.branch3x3dbl_3", 96, 96, 3)

    for key, inputs, outputs, size in (
        ("Conv2d_1a_3x3", 3, 32, 3),
        ("Conv2d_2a_3x3", 32, 32, 3),
        ("Conv2d_2b_3x3", 32, 64, 3),
        ("Conv2d_3b_1x1", 64, 80, 1),
        ("Conv2d_4a_3x3", 80, 192, 3),
    ):
        unit(key, inputs, outputs, size)
    for block, inputs, last in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        unit(f"{block}.branch1x1", inputs, 64, 1)
        unit(f"{block}.branch5x5_1", inputs, 48, 1)
        unit(f"{block}.branch5x5_2", 48, 64, 5)
        double(block, inputs)
        unit(f"{block}.branch_pool", inputs, last, 1)
    unit("Mixed_6a.branch3x3", 288, 384, 3)
    double("Mixed_6a", 288)
    for block, c in C7.items():
        unit(f"{block}.branch1x1", 768, 192, 1)
        unit(f"{block}.branch_pool", 768, 192, 1)
        unit(f"{block}.branch7x7_1", 768, c, 1)
        unit(f"{block}.branch7x7_2", c, c, 1, 7)
        unit(f"{block}.branch7x7_3", c, 192, 7, 1)
        unit(f"{block}.branch7x7dbl_1", 768, c, 1)
        for n, (outputs, size) in enumerate(((c, (7, 1)), (c, (1, 7)), (c, (7, 1)), (192, (1, 7))), start=2):
            unit(f"{block}.branch7x7dbl_{n}", c, outputs, *size)
    return found
