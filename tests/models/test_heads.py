"""Linear heads, proved by numbers."""

from __future__ import annotations

import pytest
import torch
import torchvision

from tests.models.conftest import unfilled
from wsol.models.forward import capture
from wsol.models.heads import find_head, head_behind


def seen(module, layer, *, size=64, dtype=torch.float32, batch=3):
    images = torch.randn((batch, 3, size, size), generator=torch.Generator().manual_seed(1)).to(dtype)
    with capture(module, [layer], gradients=False) as forward:
        result = forward(images)
    return result.activations[layer], result.logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("name", "layer", "size", "kind"),
    [
        ("resnet18", "layer4", 64, "linear"),
        ("mobilenet_v2", "features.18", 64, "linear"),
        ("shapes_gap", "stage5", 128, "linear"),
        ("squeezenet1_1", "features.12", 224, "conv"),
        ("squeezenet1_1", "classifier.1", 224, "relu_linear"),
        ("squeezenet1_1", "classifier.2", 224, "linear"),
        ("densenet121", "features.norm5", 64, "relu_linear"),
    ],
)
def test_the_head_gives_the_logits_of_the_network(name, layer, size, kind, dtype, random_classifier):
    module = random_classifier(name, size).module.to(dtype)
    try:
        activations, logits = seen(module, layer, size=size, dtype=dtype)
        head = find_head(module, activations, logits)
    finally:
        module.float()
    assert head is not None
    assert (head.kind, head.linear) == (kind, kind == "linear")
    assert head.weight.shape == (logits.shape[1], activations.shape[1])
    assert head.weight.dtype == dtype
    pooled = {
        "linear": lambda a: a.mean((2, 3)) @ head.weight.T + head.bias,
        "relu_linear": lambda a: a.relu().mean((2, 3)) @ head.weight.T + head.bias,
        "conv": lambda a: torch.nn.functional.conv2d(a, head.weight[..., None, None], head.bias).relu().mean((2, 3)),
    }[kind](activations)
    torch.testing.assert_close(pooled, logits, rtol=1e-4, atol=1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("convnext_tiny", "features.7", 64),  # LayerNorm between pooling and linear
        ("resnet18", "layer3", 64),  # not the last layer
        ("resnet18", "layer4.1.conv2", 64),  # right width, but a block's end lies between
        ("mobilenet_v3_small", "features.12", 64),  # two linear layers with a nonlinearity
        ("shapes_vgg", "features.17", 128),
    ],
)
def test_no_head_is_found_where_the_rest_is_not_linear(name, layer, size, random_classifier):
    module = random_classifier(name, size).module
    if name == "shapes_vgg":
        layer = [n for n, p in module.named_modules() if isinstance(p, torch.nn.ReLU) and n.startswith("features")][-1]
    assert find_head(module, *seen(module, layer, size=size)) is None


def test_vgg_has_no_linear_head():
    module = unfilled("vgg11").module
    assert find_head(module, *seen(module, "features.19", size=32, batch=1)) is None


def test_an_almost_linear_head_is_not_linear(random_classifier):
    """The tolerance is rounding: a relative change of 1e-4 in one logit is seen."""
    module = random_classifier("resnet18", 64).module
    activations, logits = seen(module, "layer4")
    logits[1, 7] += 1e-4 * logits.abs().max()
    assert find_head(module, activations, logits) is None


def test_a_head_of_zeros_explains_nothing():
    net = torchvision.models.resnet18(weights=None).eval()
    torch.nn.init.zeros_(net.fc.weight)
    torch.nn.init.zeros_(net.fc.bias)
    assert find_head(net, *seen(net, "layer3")) is None


def test_class_maps_before_the_pooling_are_their_own_head():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
    head = find_head(net, *seen(net, "0", size=8))
    assert head is not None
    assert head.linear
    assert torch.equal(head.weight, torch.eye(4))
    assert not head.bias.any()


@pytest.mark.parametrize(
    ("name", "layer", "kind"),
    [
        ("resnet18", "layer4", "linear"),
        ("resnet18", "layer4.1.bn2", None),  # a skip connection lies behind it
        ("densenet121", "features.norm5", "relu_linear"),  # a ReLU that bfloat16 rounds away
    ],
)
def test_a_head_does_not_depend_on_the_precision_of_the_run(name, layer, kind, random_classifier, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    net = random_classifier(name, 64).module
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = head_behind(net, layer, images)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = head_behind(net, layer, images)
        assert torch.is_autocast_enabled("cpu")
    assert [None if h is None else h.kind for h in (plain, rounded)] == [kind, kind]
    assert torch.backends.cudnn.allow_tf32
