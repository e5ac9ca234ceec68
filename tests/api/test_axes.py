"""Inputs of any number of axes: videos, volumes and signals, against formulas over plain hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import wsol
from wsol.errors import ConfigError

Formula = Callable[[Tensor, Tensor], Tensor]


class Encoder(nn.Module):
    """The encoder of a 3-D U-Net with a head: volumes of unequal sides, one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2))
        self.down2 = nn.Sequential(nn.Conv3d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool3d((1, 2, 2)))
        self.bottom = nn.Sequential(nn.Conv3d(6, 8, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, volumes: Tensor) -> Tensor:
        found: Tensor = self.head(self.bottom(self.down2(self.down1(volumes))).mean((2, 3, 4)))
        return found


class Signal(nn.Module):
    """A network of one axis."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(2, 5, 5, stride=2), nn.ReLU(), nn.Conv1d(5, 7, 3, stride=2), nn.Tanh())
        self.head = nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 4))

    def forward(self, signals: Tensor) -> Tensor:
        found: Tensor = self.head(self.body(signals).mean(2))
        return found


def video() -> nn.Module:
    from torchvision.models.video import r3d_18

    net: nn.Module = r3d_18(num_classes=5)
    return net


def over_space(a: Tensor) -> tuple[int, ...]:
    return tuple(range(2, a.ndim))


def gradcam(a: Tensor, g: Tensor) -> Tensor:
    return (g.mean(over_space(a), keepdim=True) * a).sum(1).relu()


def hirescam(a: Tensor, g: Tensor) -> Tensor:
    return (g * a).sum(1)


def layercam(a: Tensor, g: Tensor) -> Tensor:
    return (g.relu() * a).sum(1).relu()


def xgradcam(a: Tensor, g: Tensor) -> Tensor:
    space = over_space(a)
    return ((g * a).sum(space, keepdim=True) / a.sum(space, keepdim=True) * a).sum(1).relu()


def gradcam_pp(a: Tensor, g: Tensor) -> Tensor:
    space = over_space(a)
    alpha = g**2 / (2 * g**2 + a.sum(space, keepdim=True) * g**3)
    return ((torch.nan_to_num(alpha) * g.relu()).sum(space, keepdim=True) * a).sum(1).relu()


FORMULAS: dict[str, Formula] = {
    "gradcam": gradcam,
    "hirescam": hirescam,
    "layercam": layercam,
    "xgradcam": xgradcam,
    "gradcam_pp": gradcam_pp,
}
CASES: dict[str, tuple[Callable[[], nn.Module], str, tuple[int, ...]]] = {
    "video": (video, "layer3", (2, 3, 8, 48, 64)),
    "volume": (Encoder, "bottom", (2, 1, 10, 24, 16)),
    "signal": (Signal, "body", (3, 2, 60)),
}


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make().double().eval()


def plain_pass(net: nn.Module, layer: str, inputs: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Activations and gradients by one hook of our own and `backward`."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, args: Any, output: Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    handle = net.get_submodule(layer).register_forward_hook(keep)
    net(inputs.requires_grad_())[:, target].sum().backward()
    handle.remove()
    assert kept[0].grad is not None
    return kept[0].detach(), kept[0].grad


@pytest.mark.parametrize(
    ("case", "method"),
    [
        pytest.param(case, method, marks=pytest.mark.full if case == "video" else [])
        for case in CASES
        for method in FORMULAS
    ],
)
def test_maps_of_any_number_of_axes_equal_the_formula(case: str, method: str) -> None:
    make, layer, shape = CASES[case]
    net = seeded(make)
    inputs = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    maps = wsol.attribute(net, inputs, method, layers=layer, target=2)
    expected = FORMULAS[method](*plain_pass(net, layer, inputs, 2)).numpy()
    assert maps.raw.shape == expected.shape
    assert maps.raw.ndim == len(shape) - 1
    np.testing.assert_allclose(maps.raw, expected, rtol=1e-7, atol=1e-9 * abs(expected).max())
    assert abs(expected).max() > 0


def test_layers_of_several_sizes_are_fused_at_the_largest() -> None:
    net, inputs = seeded(Encoder), torch.randn(1, 1, 8, 24, 16, dtype=torch.float64)
    fused = wsol.attribute(net, inputs, "layercam", layers=["down1", "bottom"], target=0, fuse="mean")
    parts = []
    for layer in ("down1", "bottom"):
        raw = torch.as_tensor(wsol.attribute(net, inputs, "layercam", layers=layer, target=0).raw)
        raw = raw / raw.amax() if raw.amax() > 0 else raw
        parts.append(nn.functional.interpolate(raw[:, None], size=(4, 12, 8), mode="trilinear")[:, 0])
    assert fused.raw.shape == (1, 4, 12, 8)
    np.testing.assert_allclose(fused.raw, torch.stack(parts).mean(0).numpy(), rtol=1e-7)


def test_cam_finds_the_head_of_a_volume_network() -> None:
    net, inputs = seeded(Encoder), torch.randn(2, 1, 8, 16, 16, dtype=torch.float64)
    maps = wsol.attribute(net, inputs, "cam", layers="bottom", target=1)
    activations = plain_pass(net, "bottom", inputs, 1)[0]
    weights = net.head.weight[1].detach()  # type: ignore[union-attr]
    np.testing.assert_allclose(maps.raw, torch.einsum("k,bkdhw->bdhw", weights, activations).numpy(), rtol=1e-6)


@pytest.mark.full
def test_stages_of_a_video_network_are_found() -> None:
    net = seeded(video).float()
    maps = wsol.attribute(net, torch.randn(1, 3, 8, 48, 64), "gradcam", layers="stage3", target=0)
    assert maps.raw.shape[0] == 1
    assert maps.raw.ndim == 4


def test_methods_of_images_refuse_videos() -> None:
    with pytest.raises(ConfigError, match="scorecam works on images, and these inputs have 3 axes of space"):
        wsol.attribute(seeded(Encoder), torch.zeros(1, 1, 8, 16, 16), "scorecam", layers="bottom", target=0)
