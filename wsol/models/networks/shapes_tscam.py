"""The small transformer with the head of TS-CAM: a semantic map over the patches, whose mean is the logits."""

from __future__ import annotations

from torch import Tensor, nn

from wsol.models.networks._shapes import CLASS_NAMES, INPUT_SIZE, MEAN, NUM_CLASSES, STD, WEIGHTS
from wsol.models.networks.shapes_vit import SIDE, WIDTH, Trunk
from wsol.models.registered import model


@model(
    "shapes_tscam",
    input_size=INPUT_SIZE,
    mean=MEAN,
    std=STD,
    class_names=CLASS_NAMES,
    trained=WEIGHTS / "shapes_tscam.safetensors",
)
class ShapesTSCAM(nn.Module):
    """`shapes_vit` with a 3 x 3 convolution from patch tokens to classes and their mean (Gao et al., 2021, sec. 3.2).

    (B, 3, 128, 128) to (B, 10). The class token attends to the patches, and the head does not read it.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.head = nn.Conv2d(WIDTH, num_classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return self.classify(self.trunk(images))

    def classify(self, tokens: Tensor) -> Tensor:
        """Logits (B, classes) of tokens."""
        patches = tokens[:, 1:].transpose(1, 2).reshape(-1, WIDTH, SIDE, SIDE)
        semantic: Tensor = self.head(patches)
        return semantic.mean((2, 3))
