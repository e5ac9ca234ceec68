"""Twelve methods on twelve families of networks, each map against a twin with neither our hooks nor our layouts."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import models as tv

import wsol
from tests.reference.matrix import CLASSES, TWINS, Net, Twin
from wsol.errors import HeadError, LayerError, WsolError

OPTIONS: dict[str, dict[str, int]] = {"smoothgradcam_pp": {"samples": 3}, "rise": {"samples": 40}}
TARGETS = [3, 1]
NO_HEAD = "needs one linear layer after average pooling"
NO_ATTENTION = "has no attention that can be seen"
WINDOWS = "is not from every token of an image to every other"


def timm_net(name: str, **options: Any) -> torch.nn.Module:
    timm = pytest.importorskip("timm")
    net: torch.nn.Module = timm.create_model(name, num_classes=CLASSES, **options)
    return net


def convnext() -> torch.nn.Module:
    from torchvision.models.convnext import CNBlockConfig

    blocks = [
        CNBlockConfig(24, 48, 1),
        CNBlockConfig(48, 96, 1),
        CNBlockConfig(96, 192, 2),
        CNBlockConfig(192, None, 1),
    ]
    return tv.ConvNeXt(blocks, layer_scale=1.0, num_classes=CLASSES)


def clip() -> torch.nn.Module:
    from wsol.models.networks.clip import Similarity

    tower = timm_net("vit_xsmall_patch16_clip_224", img_size=64, embed_dim=48, depth=3, num_heads=3)
    tower.reset_classifier(16)
    tower.head = Similarity(tower.head, torch.randn(CLASSES, 16))
    return tower


BLOCKS = tuple(f"blocks.{n}.attn" for n in range(3))
SMALL = {"embed_dim": 48, "depth": 3, "num_heads": 3}
NETS: dict[str, Net] = {
    "resnet18": Net(partial(tv.resnet18, num_classes=CLASSES), 64, "layer4", head="fc"),
    "vgg11": Net(partial(tv.vgg11, num_classes=CLASSES), 64, "features.19"),
    "densenet121": Net(
        partial(tv.densenet121, num_classes=CLASSES), 64, "features.norm5", head="classifier", relu=True
    ),
    "mobilenet_v3_small": Net(partial(tv.mobilenet_v3_small, num_classes=CLASSES), 64, "features.12"),
    "convnext": Net(convnext, 64, "features.7"),
    "googlenet": Net(partial(tv.googlenet, num_classes=CLASSES, init_weights=False), 64, "inception5b", head="fc"),
    "vit": Net(
        partial(tv.VisionTransformer, 64, 16, 3, 3, 48, 96, num_classes=CLASSES),
        64,
        "encoder.layers.encoder_layer_2.ln_1",
        1,
        4,
        attentions=tuple(f"encoder.layers.encoder_layer_{n}.self_attention" for n in range(3)),
    ),
    "deit_distilled": Net(
        partial(timm_net, "deit_tiny_distilled_patch16_224", img_size=64, **SMALL),
        64,
        "blocks.2.norm1",
        2,
        4,
        attentions=BLOCKS,
        readers=(0, 1),
    ),
    "swin": Net(
        partial(
            timm_net,
            "swin_tiny_patch4_window7_224",
            img_size=64,
            window_size=2,
            embed_dim=24,
            depths=(2, 2, 2, 2),
            num_heads=(1, 2, 3, 6),
        ),
        64,
        "layers.3",
        -1,
    ),
    "maxvit": Net(
        partial(tv.MaxVit, (64, 64), 16, 2, [16, 32, 48, 64], [1, 1, 1, 1], 16, 0.0, num_classes=CLASSES),
        64,
        "blocks.3",
    ),
    "dinov2": Net(
        partial(timm_net, "vit_small_patch14_reg4_dinov2", img_size=56, init_values=1.0, **SMALL),
        56,
        "blocks.2.norm1",
        5,
        4,
        attentions=BLOCKS,
    ),
    "clip": Net(clip, 64, "blocks.2.norm1", 1, 4, attentions=BLOCKS),
}
DEFAULT = {
    ("resnet18", "cam"),
    ("vgg11", "layercam"),
    ("densenet121", "gradcam"),
    ("mobilenet_v3_small", "lafam"),
    ("convnext", "xgradcam"),
    ("googlenet", "eigencam"),
    ("vit", "rollout"),
    ("deit_distilled", "gradcam_pp"),
    ("swin", "ablationcam"),
    ("maxvit", "smoothgradcam_pp"),
    ("dinov2", "scorecam"),
    ("clip", "rise"),
}


def refusal(name: str, method: str) -> tuple[type[WsolError], str] | None:
    """Why a method has no meaning on a network, as its error says it; None where it has one."""
    net = NETS[name]
    if method == "cam" and net.head is None:
        return HeadError, NO_HEAD
    if method == "rollout" and not net.attentions:
        return LayerError, WINDOWS if name == "swin" else NO_ATTENTION
    return None


@lru_cache(maxsize=1)
def made(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    model = NETS[name].build().double().eval()
    for parameter in model.parameters():
        if not parameter.detach().any() and parameter.ndim > 1:  # heads that are zeros until they are trained
            torch.nn.init.normal_(parameter, std=0.2)
    for part in model.modules():
        # As it starts, the mean over its channels is zero.
        if isinstance(part, torch.nn.LayerNorm) and not isinstance(model, tv.MaxVit):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, std=0.2)
        # An untrained MobileNet's activations are next to nothing.
        if isinstance(model, tv.MobileNetV3) and isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(part.bias, std=0.5)
    return model


def shown_by_twin(name: str, method: str, model: torch.nn.Module, images: torch.Tensor) -> tuple[list[int], Any]:
    """The twin's maps, and their targets: `TARGETS`, or the first others whose maps are not zeros.

    Which these are is a matter of the random weights, and those differ between versions of torch.
    """
    others = permutations(range(CLASSES), len(images))
    for targets in (TARGETS[: len(images)], *map(list, others)):
        maps = TWINS[method](Twin(NETS[name], model, images, targets), **OPTIONS.get(method, {})).detach().numpy()
        if maps.any((1, 2)).all():
            return targets, maps
    raise AssertionError("a map of zeros shows nothing; choose other targets")


CELLS = [
    pytest.param(name, method, marks=[] if (name, method) in DEFAULT else pytest.mark.full)
    for name in NETS
    for method in TWINS
]


@pytest.mark.parametrize(("name", "method"), CELLS)
def test_every_method_on_every_network_equals_its_twin_or_has_no_meaning_there(name: str, method: str) -> None:
    net = NETS[name]
    # A thousand masked forwards of a convolutional network take minutes in float64.
    precision = torch.float32 if method == "scorecam" and net.prefix is None else torch.float64
    model = made(name).to(precision)
    count = 1 if method in ("scorecam", "ablationcam") else 2
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, net.side, net.side, generator=draw, dtype=torch.float64).to(precision)
    refused = refusal(name, method)
    if refused is not None:
        with pytest.raises(refused[0], match=refused[1]):
            wsol.attribute(model, images, method, target=TARGETS[:count])
        return
    targets, expected = shown_by_twin(name, method, model, images)
    maps = np.asarray(wsol.attribute(model, images, method, target=targets, **OPTIONS.get(method, {})))
    largest = np.abs(expected).max((1, 2), keepdims=True)
    np.testing.assert_allclose(maps / largest, expected / largest, rtol=0, atol=1e-5)


def test_the_matrix_has_at_least_132_maps_or_reasons_and_most_are_maps() -> None:
    reasons = sum(refusal(name, method) is not None for name in NETS for method in TWINS)
    assert len(NETS) * len(TWINS) == 144
    assert reasons == 17


def test_cam_works_on_swin_where_its_head_is() -> None:
    """The norm in front of the pooling is what the linear head sees; ``last`` is the stage before it."""
    model = made("swin").double()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    net = Net(NETS["swin"].build, 64, "norm", -1, head="head.fc")
    expected = TWINS["cam"](Twin(net, model, images, TARGETS)).numpy()
    maps = np.asarray(wsol.attribute(model, images, "cam", layers="norm", target=TARGETS))
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
