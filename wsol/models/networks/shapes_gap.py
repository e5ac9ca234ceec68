"""A small network with global average pooling for the embedded dataset.

CAM applies, and at stage 5 the gradient methods coincide (Zhou et al., 2016; Selvaraju et al., 2017, app. A).
"""

from __future__ import annotations

import torch

from wsol.models.networks._shapes import CLASS_NAMES, INPUT_SIZE, MEAN, NUM_CLASSES, STD, WEIGHTS
from wsol.models.registered import model

STAGES = ((8, 1), (16, 1), (32, 1), (64, 1), (96, 1))  # (channels, convolutions) of each stage


@model(
    "shapes_gap",
    input_size=INPUT_SIZE,
    mean=MEAN,
    std=STD,
    class_names=CLASS_NAMES,
    trained=WEIGHTS / "shapes_gap.safetensors",
)
class ShapesGAP(torch.nn.Module):
    """Five stages, global average pooling, one linear layer: (B, 3, 128, 128) to (B, 10).

    Stages 2 to 4 begin with their max pool, so that the output of each is what its last ReLU gave: 128, 64, 32, 16
    and 16 pixels wide.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__()
        inputs = 3
        for stage, (channels, convolutions) in enumerate(STAGES, start=1):
            layers: list[torch.nn.Module] = [torch.nn.MaxPool2d(2)] if stage in (2, 3, 4) else []
            for _ in range(convolutions):
                layers += [
                    torch.nn.Conv2d(inputs, channels, 3, padding=1, bias=False),
                    torch.nn.BatchNorm2d(channels),
                    torch.nn.ReLU(inplace=True),
                ]
                inputs = channels
            self.add_module(f"stage{stage}", torch.nn.Sequential(*layers))
        self.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        self.fc = torch.nn.Linear(inputs, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        for stage in range(1, 6):
            images = self.get_submodule(f"stage{stage}")(images)
        logits: torch.Tensor = self.fc(self.avgpool(images).flatten(1))
        return logits
