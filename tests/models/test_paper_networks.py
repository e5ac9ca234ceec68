"""GAP networks of Zhou et al., DeiT in TS-CAM's layout, and Caffe's input: names, logits from named weights, maps."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wsol
from tests.models.backbones import fill_backbone
from tests.models.conftest import wrap
from tests.reference.gap_networks import conv
from wsol.cli import main
from wsol.datasets.formats.shapes import Shapes
from wsol.errors import ConfigError, ModelError
from wsol.evaluation.build import load_model
from wsol.models.caffe import from_caffe
from wsol.models.outline import outline
from wsol.models.registered import models
from wsol.models.stages import resolve_layer
from wsol.models.zoo import load_classifier

CLASSES = 7
WORDS = "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512"
State = dict[str, Tensor]


def drawn(sizes: dict[str, tuple[int, ...]]) -> State:
    draw = torch.Generator().manual_seed(0)
    return {
        key: torch.randn(size, generator=draw) * ((2 / prod(size[1:])) ** 0.5 if len(size) > 1 else 0.1)
        for key, size in sizes.items()
    }


def vggnet_sizes() -> dict[str, tuple[int, ...]]:
    sizes: dict[str, tuple[int, ...]] = {}
    place, inputs = 0, 3
    for word in WORDS.split():
        if word.isdigit():
            sizes |= {f"features.{place}.weight": (int(word), inputs, 3, 3), f"features.{place}.bias": (int(word),)}
            inputs = int(word)
        place += 2 if word.isdigit() else 1
    sizes |= {"CAM_conv.weight": (1024, 256, 3, 3), "CAM_conv.bias": (1024,)}
    return sizes | {"CAM_fc.weight": (CLASSES, 1024), "CAM_fc.bias": (CLASSES,)}


@pytest.mark.full
def test_vggnet_gap_gives_the_logits_of_its_named_weights(tmp_path: Path) -> None:
    state = drawn(vggnet_sizes())
    torch.save(state, tmp_path / "vggnet.pth")
    loaded = load_classifier("vggnet_gap", weights=str(tmp_path / "vggnet.pth"))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    x, place = images, 0
    for word in WORDS.split():
        x = conv(state, f"features.{place}", x, padding=1).relu() if word.isdigit() else F.max_pool2d(x, 2)
        place += 2 if word.isdigit() else 1
    halves = [  # each group of 512 channels reads half of conv5_3's
        F.conv2d(x[:, 256 * n : 256 * (n + 1)], state["CAM_conv.weight"][512 * n : 512 * (n + 1)], padding=1)
        for n in range(2)
    ]
    x = (torch.cat(halves, 1) + state["CAM_conv.bias"][:, None, None]).relu()
    expected = F.linear(x.mean((2, 3)), state["CAM_fc.weight"], state["CAM_fc.bias"])
    with torch.no_grad():
        torch.testing.assert_close(loaded.module(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def googlenet_parameters() -> int:
    """Szegedy et al., table 1, up to inception (4e): convolutions without biases, and two numbers per channel."""
    convolutions = [(3, 64, 7), (64, 64, 1), (64, 192, 3)]
    inputs = 192
    for one, narrow, three, thin, five, projected in (
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ):
        convolutions += [(inputs, one, 1), (inputs, narrow, 1), (narrow, three, 3)]
        convolutions += [(inputs, thin, 1), (thin, five, 3), (inputs, projected, 1)]  # torchvision's 5x5 are 3x3
        inputs = one + three + five + projected
    return sum(a * b * size**2 + 2 * b for a, b, size in convolutions)


@pytest.mark.parametrize(
    ("name", "parameters"), [("vggnet_gap", 14_714_688), ("googlenet_gap", googlenet_parameters())]
)
def test_the_end_is_the_paper_s(name: str, parameters: int) -> None:
    with torch.device("meta"):
        made = models[name].make(num_classes=CLASSES)
    assert isinstance(made, nn.Module)
    end = {key: tuple(value.shape) for key, value in made.state_dict().items() if key.startswith("CAM")}
    inputs = {"vggnet_gap": 512, "googlenet_gap": 832}[name]
    assert end == {
        "CAM_conv.weight": (1024, inputs // 2, 3, 3),
        "CAM_conv.bias": (1024,),
        "CAM_fc.weight": (CLASSES, 1024),
        "CAM_fc.bias": (CLASSES,),
    }
    body = sum(p.numel() for p in made.parameters()) - sum(map(prod, end.values()))
    assert body == parameters


@pytest.mark.full
def test_googlenet_gap_has_torchvision_s_body_and_a_map_of_fourteen_cells() -> None:
    import torchvision

    theirs = torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=False).eval()
    made = load_classifier("googlenet_gap", weights="random", num_classes=CLASSES)
    fill_backbone(made.module, theirs.state_dict())
    kept: list[Tensor] = []
    theirs.inception4e.register_forward_hook(lambda module, args, output: kept.append(output))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs(images)
        torch.testing.assert_close(made.module.features_of(images), kept[0])
    assert resolve_layer(made, "last") == "CAM_relu"
    assert outline(made)["CAM_relu"].grid == (14, 14)
    assert made.mean == made.std == (0.5, 0.5, 0.5)


def deit_sizes(channels: int) -> dict[str, tuple[int, ...]]:
    sizes: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, channels), "pos_embed": (1, 197, channels)}
    sizes |= {"patch_embed.proj.weight": (channels, 3, 16, 16), "patch_embed.proj.bias": (channels,)}
    for n in range(12):
        for part, inputs, outputs in (
            ("attn.qkv", channels, 3 * channels),
            ("attn.proj", channels, channels),
            ("mlp.fc1", channels, 4 * channels),
            ("mlp.fc2", 4 * channels, channels),
        ):
            sizes |= {f"blocks.{n}.{part}.weight": (outputs, inputs), f"blocks.{n}.{part}.bias": (outputs,)}
        for part in ("norm1", "norm2"):
            sizes |= {f"blocks.{n}.{part}.weight": (channels,), f"blocks.{n}.{part}.bias": (channels,)}
    sizes |= {"norm.weight": (channels,), "norm.bias": (channels,)}
    return sizes | {"head.weight": (CLASSES, channels, 3, 3), "head.bias": (CLASSES,)}


def deit(state: State, images: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """TS-CAM's logits, and the map of (B, C, 14, 14) that it calls coupled."""

    def linear(key: str, x: Tensor) -> Tensor:
        return x @ state[f"{key}.weight"].T + state[f"{key}.bias"]

    def norm(key: str, x: Tensor) -> Tensor:
        mean, spread = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
        return (x - mean) / (spread + 1e-6).sqrt() * state[f"{key}.weight"] + state[f"{key}.bias"]

    x = conv(state, "patch_embed.proj", images, stride=16).flatten(2).transpose(1, 2)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x], 1) + state["pos_embed"]
    width = x.shape[2] // heads
    attention = torch.zeros(len(x), 197, 197)
    for n in range(12):
        q, k, v = linear(f"blocks.{n}.attn.qkv", norm(f"blocks.{n}.norm1", x)).chunk(3, 2)
        mixed = []
        for h in range(heads):
            own = slice(h * width, (h + 1) * width)
            p = (q[..., own] @ k[..., own].transpose(1, 2) / width**0.5).softmax(-1)
            attention = attention + p / heads
            mixed.append(p @ v[..., own])
        x = x + linear(f"blocks.{n}.attn.proj", torch.cat(mixed, 2))
        x = x + linear(f"blocks.{n}.mlp.fc2", F.gelu(linear(f"blocks.{n}.mlp.fc1", norm(f"blocks.{n}.norm2", x))))
    patches = norm("norm", x)[:, 1:].transpose(1, 2).reshape(len(x), -1, 14, 14)
    semantic = conv(state, "head", patches, padding=1)
    return semantic.mean((2, 3)), attention[:, 0, 1:].reshape(-1, 1, 14, 14) * semantic


@pytest.mark.full
def test_a_file_of_ts_cam_gives_its_logits_and_its_maps(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    state = drawn(deit_sizes(192))
    torch.save({"epoch": 60, "state_dict": state}, tmp_path / "model_best.pth")
    loaded = load_classifier("deit_tscam", weights=str(tmp_path / "model_best.pth"), tower="deit_tiny_patch16_224")
    assert loaded.num_classes == CLASSES
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    expected, coupled = deit(state, images, heads=3)
    with torch.no_grad():
        torch.testing.assert_close(loaded.module(images), expected, rtol=1e-3, atol=1e-4)
    maps = wsol.attribute(loaded, images, "tscam", target=[1, 4])
    torch.testing.assert_close(
        torch.from_numpy(maps.raw), coupled[[0, 1], [1, 4]] / 12, rtol=1e-3, atol=1e-4 * float(coupled.abs().max())
    )


def test_deit_tscam_is_timm_s_deit_with_another_head() -> None:
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("deit_tiny_patch16_224", num_classes=CLASSES)
    made = load_classifier("deit_tscam", weights="random", num_classes=CLASSES, tower="deit_tiny_patch16_224").module
    assert made.state_dict().keys() == theirs.state_dict().keys()
    loaded = fill_backbone(made, theirs.state_dict())
    assert set(theirs.state_dict()) - set(loaded) == {"head.weight", "head.bias"}
    with pytest.raises(ConfigError, match=r"there is no tower of deit_tscam 'deit_smal'; nearest: 'deit_small_patch"):
        load_classifier("deit_tscam", weights="random", tower="deit_smal")


def caffe_net() -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)).double()


def test_caffe_s_weights_see_blue_green_red_of_255_less_the_mean() -> None:
    shapes = Shapes(n=1)
    pixels = np.asarray(shapes.image(shapes.samples()[0]).resize((32, 32)))
    caffe = pixels[:, :, ::-1].astype(np.float64) - np.array([104.007, 116.669, 122.679])  # as layercam_loc reads them
    with torch.no_grad():
        expected = caffe_net()(torch.from_numpy(caffe.transpose(2, 0, 1).copy())[None])
    given = wrap(caffe_net(), input_size=32, num_classes=5)
    made = from_caffe(given)
    with torch.no_grad():
        own = made.module(torch.from_numpy(made.normalized(pixels)).permute(2, 0, 1)[None].double())
    torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-5)
    assert made.weights_id != given.weights_id
    np.testing.assert_allclose(made.black, (-122.679, -116.669, -104.007), rtol=1e-6)


def test_caffe_s_input_is_an_option_of_every_network(tmp_path: Path) -> None:
    own, caffe = (load_model({"name": "shapes_vgg", **more}) for more in ({}, {"input": "caffe"}))
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(caffe.module(images), own.module(images.flip(1)))
    assert caffe.weights_source == "embedded, caffe"
    with pytest.raises(ModelError, match=r"model.input=caffe: toy does not begin with a convolution of three channels"):
        from_caffe(wrap(nn.Flatten(), input_size=8, num_classes=5))
    words = ["model=shapes_vgg", "model.input=caffe", "method=[gradcam]", "dataset.n=2", "metric=[]", "gallery=0"]
    assert main(["run", *words, f"paths.runs={tmp_path}"]) == 0
