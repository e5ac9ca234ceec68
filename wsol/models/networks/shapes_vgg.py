"""A small VGG for the embedded dataset: the architecture on which methods differ most."""

from __future__ import annotations

import torch

from wsol.models.networks._shapes import CLASS_NAMES, INPUT_SIZE, MEAN, NUM_CLASSES, STD, WEIGHTS
from wsol.models.registered import model

STAGES = ((8, 1), (16, 1), (32, 1), (64, 2), (96, 2))  # (channels, convolutions) of each stage


@model(
    "shapes_vgg",
    input_size=INPUT_SIZE,
    mean=MEAN,
    std=STD,
    class_names=CLASS_NAMES,
    trained=WEIGHTS / "shapes_vgg.safetensors",
)
class ShapesVGG(torch.nn.Module):
    """A VGG in small: (B, 3, 128, 128) to (B, 10).

    Names are torchvision's: `features.N`, `avgpool`, `classifier.N`. ReLUs work in place, as there. Stage outputs
    (after the last ReLU of a stage, before its pool) are 128, 64, 32, 16 and 8 pixels wide.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        inputs = 3
        for channels, convolutions in STAGES:
            for _ in range(convolutions):
                layers += [torch.nn.Conv2d(inputs, channels, 3, padding=1), torch.nn.ReLU(inplace=True)]
                inputs = channels
            layers.append(torch.nn.MaxPool2d(2))
        self.features = torch.nn.Sequential(*layers)
        self.avgpool = torch.nn.AdaptiveAvgPool2d(4)  # the identity at 128 pixels
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(inputs * 16, 64),
            torch.nn.ReLU(inplace=True),
            torch.nn.Dropout(0.2),
            torch.nn.Linear(64, num_classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.avgpool(self.features(images)).flatten(1))
        return logits
