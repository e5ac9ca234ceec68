"""Small networks for the tests of methods, and what one layer of them gives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wsol.methods._features import LayerFeatures
from wsol.testing import layer_features

CLASSES = 5
SIDE = 32


class TinyVGG(nn.Module):
    """Two pooled stages and a third, then two fully connected layers: no linear head."""

    def __init__(self, *, inplace: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.ReLU(inplace=inplace),  # features.1: 32 x 32
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(inplace=inplace),  # features.4: 16 x 16
            nn.MaxPool2d(2),
            nn.Conv2d(6, 7, 3, padding=1),
            nn.ReLU(inplace=inplace),  # features.7: 8 x 8
            nn.MaxPool2d(2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(4)
        self.classifier = nn.Sequential(
            nn.Linear(7 * 16, 9), nn.ReLU(inplace=inplace), nn.Dropout(0.5), nn.Linear(9, CLASSES)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class TinyGAP(nn.Module):
    """Batch norm, a residual branch, a functional ReLU; then average pooling and one linear layer."""

    def __init__(self, *, inplace: bool = True) -> None:
        super().__init__()
        self.inplace = inplace
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=inplace)
        )
        self.wide = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6))
        self.branch = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
        self.block = nn.ReLU(inplace=inplace)  # 8 x 8
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.wide(self.stem(x)), inplace=self.inplace)
        x = self.block(self.branch(x) + x)
        return self.fc(x.mean((2, 3)))


LAYERS = {TinyVGG: ("features.1", "features.4", "features.7"), TinyGAP: ("stem", "wide", "block")}
SEEDS = {TinyVGG: 0, TinyGAP: 10}  # networks on which few maps are empty
LAST = {TinyVGG: "features.7", TinyGAP: "block"}


def make_net(
    cls: type[nn.Module], *, seed: int | None = None, dtype: torch.dtype = torch.float64, inplace: bool = True
) -> nn.Module:
    """A network with seeded weights and batch-norm statistics, in eval mode."""
    generator = torch.Generator().manual_seed(SEEDS[cls] if seed is None else seed)
    net = cls(inplace=inplace).double()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator, dtype=torch.float64))
            elif value.is_floating_point():
                scale = 1 / max(1, value[0].numel()) ** 0.5 if value.ndim > 1 else 0.3
                gain = 0.5 if name in ("fc.weight", "classifier.3.weight") else 1.5
                value.copy_(gain * scale * torch.randn(value.shape, generator=generator, dtype=torch.float64))
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.abs_().add_(0.5)
    return net.to(dtype).eval()


def make_images(count: int = 3, *, seed: int = 1, side: int = SIDE, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, side, side, generator=generator, dtype=torch.float64).to(dtype)


def one_layer(
    module: nn.Module, images: Tensor, targets: Sequence[int], layer: str, **options: object
) -> LayerFeatures:
    """One layer of one pass; options as in `layer_features`."""
    return layer_features(module, images, targets, [layer], **options)[0]  # type: ignore[arg-type]
