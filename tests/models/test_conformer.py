"""Conformer-S in TS-CAM's layout: names, shapes and numbers against the network written out from its parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import wsol
from wsol.models.zoo import load_classifier
from wsol.training.network import carry_over

pytest.importorskip("timm")

CLASSES = 5
CHANNELS, HEADS = 384, 6
State = dict[str, Tensor]


def conv_block(inputs: int, outputs: int, *, projected: bool) -> dict[str, tuple[int, ...]]:
    middle = outputs // 4
    sizes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (middle, inputs, 1, 1), "bn1": (middle,),
        "conv2.weight": (middle, middle, 3, 3), "bn2": (middle,),
        "conv3.weight": (outputs, middle, 1, 1), "bn3": (outputs,),
    }  # fmt: skip
    return sizes | ({"residual_conv.weight": (outputs, inputs, 1, 1), "residual_bn": (outputs,)} if projected else {})


def transformer(c: int) -> dict[str, tuple[int, ...]]:
    sizes = {"attn.qkv": (3 * c, c), "attn.proj": (c, c), "mlp.fc1": (4 * c, c), "mlp.fc2": (c, 4 * c)}
    layers = {f"{name}.{part}": size[:n] for name, size in sizes.items() for part, n in (("weight", 2), ("bias", 1))}
    return layers | {f"norm{n}.{part}": (c,) for n in (1, 2) for part in ("weight", "bias")}


def conformer_sizes() -> dict[str, tuple[int, ...]]:
    """Names and shapes as their code makes them; a batch normalization's five stand under one name."""
    c = CHANNELS
    sizes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, c), "trans_norm.weight": (c,), "trans_norm.bias": (c,),
        "trans_cls_head.weight": (CLASSES, c, 3, 3), "trans_cls_head.bias": (CLASSES,),
        "conv_cls_head.weight": (CLASSES, 1024), "conv_cls_head.bias": (CLASSES,),
        "conv1.weight": (64, 3, 7, 7), "bn1": (64,),
        "trans_patch_conv.weight": (c, 64, 4, 4), "trans_patch_conv.bias": (c,),
    }  # fmt: skip
    sizes |= {f"conv_1.{key}": size for key, size in conv_block(64, 256, projected=True).items()}
    sizes |= {f"trans_1.{key}": size for key, size in transformer(c).items()}
    for n in range(2, 13):
        width = (256, 512, 1024)[(n - 1) // 4]
        before = width // 2 if n in (5, 9) else width
        parts = {
            "cnn_block": conv_block(before, width, projected=n in (5, 9)),
            "fusion_block": conv_block(width, width, projected=n == 12),
            "trans_block": transformer(c),
            "squeeze_block": {
                "conv_project.weight": (c, width // 4, 1, 1), "conv_project.bias": (c,),
                "ln.weight": (c,), "ln.bias": (c,),
            },
            "expand_block": {
                "conv_project.weight": (width // 4, c, 1, 1), "conv_project.bias": (width // 4,), "bn": (width // 4,),
            },
        }  # fmt: skip
        sizes |= {f"conv_trans_{n}.{part}.{key}": s for part, own in parts.items() for key, s in own.items()}
    whole: dict[str, tuple[int, ...]] = {}
    for key, size in sizes.items():
        if key.rpartition(".")[2].startswith(("bn", "residual_bn")):
            whole |= {f"{key}.{part}": size for part in ("weight", "bias", "running_mean", "running_var")}
            whole[f"{key}.num_batches_tracked"] = ()
        else:
            whole[key] = size
    return whole


def drawn() -> State:
    generator, state = torch.Generator().manual_seed(0), {}
    for key, size in conformer_sizes().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(7)
            continue
        fan_in = max(1, int(torch.tensor(size[1:]).prod())) if len(size) > 1 else 1
        value = torch.randn(size, generator=generator) / fan_in**0.5
        one = key.endswith(("running_var", "norm1.weight", "norm2.weight", "norm.weight", "ln.weight"))
        one |= ".bn" in f".{key}" and key.endswith("weight")
        state[key] = 1 + 0.1 * value.abs() if one else value if len(size) > 1 else 0.1 * value
    return state


def conformer(state: State, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, semantic map, and the class token's attention to the patches, mean over blocks and heads."""

    def conv(key: str, x: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, state[f"{key}.weight"], state.get(f"{key}.bias"), stride, padding)

    def bn(key: str, x: Tensor, eps: float = 1e-6) -> Tensor:
        mean, var, weight, bias = (
            state[f"{key}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + eps).sqrt() * weight + bias

    def linear(key: str, x: Tensor) -> Tensor:
        return x @ state[f"{key}.weight"].T + state[f"{key}.bias"]

    def norm(key: str, x: Tensor, eps: float = 1e-6) -> Tensor:
        mean, spread = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
        return (x - mean) / (spread + eps).sqrt() * state[f"{key}.weight"] + state[f"{key}.bias"]

    def bottleneck(key: str, x: Tensor, added: Tensor | float = 0.0, stride: int = 1) -> tuple[Tensor, Tensor]:
        y = bn(f"{key}.bn1", conv(f"{key}.conv1", x)).clamp(min=0) + added
        middle = bn(f"{key}.bn2", conv(f"{key}.conv2", y, stride=stride, padding=1)).clamp(min=0)
        y = bn(f"{key}.bn3", conv(f"{key}.conv3", middle))
        if f"{key}.residual_conv.weight" in state:
            x = bn(f"{key}.residual_bn", conv(f"{key}.residual_conv", x, stride=stride))
        return (y + x).clamp(min=0), middle

    seen = []

    def attend(key: str, x: Tensor) -> Tensor:
        width = CHANNELS // HEADS
        q, k, v = linear(f"{key}.attn.qkv", norm(f"{key}.norm1", x)).chunk(3, 2)
        mixed, mean = [], torch.zeros(())
        for h in range(HEADS):
            own = slice(h * width, (h + 1) * width)
            p = (q[..., own] @ k[..., own].transpose(1, 2) / width**0.5).softmax(-1)
            mean = mean + p / HEADS
            mixed.append(p @ v[..., own])
        seen.append(mean[:, 0, 1:])
        x = x + linear(f"{key}.attn.proj", torch.cat(mixed, 2))
        return x + linear(f"{key}.mlp.fc2", F.gelu(linear(f"{key}.mlp.fc1", norm(f"{key}.norm2", x))))

    stem = bn("bn1", conv("conv1", images, stride=2, padding=3), 1e-5).clamp(min=0)
    stem = F.max_pool2d(stem, 3, 2, 1)
    x, _ = bottleneck("conv_1", stem)
    tokens = conv("trans_patch_conv", stem, stride=4).flatten(2).transpose(1, 2)
    tokens = attend("trans_1", torch.cat([state["cls_token"].expand(len(images), 1, CHANNELS), tokens], 1))
    for n in range(2, 13):
        key, step = f"conv_trans_{n}", {0: 4, 1: 2, 2: 1}[(n - 1) // 4]
        x, middle = bottleneck(f"{key}.cnn_block", x, stride=2 if n in (5, 9) else 1)
        small = F.avg_pool2d(conv(f"{key}.squeeze_block.conv_project", middle), step).flatten(2).transpose(1, 2)
        small = F.gelu(norm(f"{key}.squeeze_block.ln", small))
        tokens = attend(f"{key}.trans_block", torch.cat([tokens[:, :1], small], 1) + tokens)
        patches = tokens[:, 1:].transpose(1, 2).reshape(len(x), CHANNELS, 14, 14)
        back = bn(f"{key}.expand_block.bn", conv(f"{key}.expand_block.conv_project", patches)).clamp(min=0)
        back = back.repeat_interleave(step, 2).repeat_interleave(step, 3)
        x, _ = bottleneck(f"{key}.fusion_block", x, back, stride=2 if n == 12 else 1)
    patches = norm("trans_norm", tokens, 1e-5)[:, 1:].transpose(1, 2).reshape(len(x), CHANNELS, 14, 14)
    semantic = conv("trans_cls_head", patches, padding=1)
    logits = semantic.mean((2, 3)) + linear("conv_cls_head", x.mean((2, 3)))
    return logits, semantic, torch.stack(seen).mean(0).reshape(-1, 1, 14, 14)


def test_names_shapes_and_their_number_are_those_of_the_paper_s_code() -> None:
    made = load_classifier("conformer_tscam", weights="random", num_classes=CLASSES).module
    assert {key: tuple(value.shape) for key, value in made.state_dict().items()} == conformer_sizes()
    backbone = sum(p.numel() for name, p in made.named_parameters() if "_head." not in name)
    heads = 1000 * (CHANNELS + 1) + 1000 * (1024 + 1)  # Conformer-S itself has two linear ones
    assert backbone + heads == 37_673_424  # 37.7 M in the paper's table 1


def test_weights_of_conformer_s_fill_all_but_the_heads() -> None:
    made = load_classifier("conformer_tscam", weights="random", num_classes=CLASSES).module
    theirs = drawn() | {"trans_cls_head.weight": torch.zeros(1000, CHANNELS), "conv_cls_head.weight": torch.zeros(1, 1)}
    new = carry_over(made, theirs, name="conformer_tscam", origin="a file")
    assert new == {f"{head}.{part}" for head in ("trans_cls_head", "conv_cls_head") for part in ("weight", "bias")}
    assert torch.equal(made.cls_token, theirs["cls_token"])


@pytest.mark.full
def test_a_file_of_ts_cam_gives_its_logits_and_its_maps(tmp_path: Path) -> None:
    state = drawn()
    torch.save({"epoch": 60, "state_dict": state}, tmp_path / "model_best.pth")
    loaded = load_classifier("conformer_tscam", weights=str(tmp_path / "model_best.pth"))
    assert loaded.num_classes == CLASSES
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    logits, semantic, attention = conformer(state, images)
    assert logits.std() > 0.1  # the numbers tell networks apart
    with torch.no_grad():
        torch.testing.assert_close(loaded.module(images), logits, rtol=1e-3, atol=1e-3)
    maps = wsol.attribute(loaded, images, "tscam", target=[1, 4])
    expected = (attention * semantic)[[0, 1], [1, 4]]
    torch.testing.assert_close(torch.from_numpy(maps.raw), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.full
def test_other_methods_take_its_last_grid() -> None:
    made = load_classifier("conformer_tscam", weights="random", num_classes=CLASSES)
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    for method in ("gradcam", "layercam"):
        maps = wsol.attribute(made, images, method, layers="last", target=[1])
        assert maps.raw.shape[0] == 1
        assert maps.raw.shape[1] in (7, 14)
        assert maps.raw.any()
