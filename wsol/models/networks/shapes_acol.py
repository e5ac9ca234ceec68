"""The small VGG with ACoL's two branches, trained on the embedded dataset: on it `method=acol` works as it is."""

from __future__ import annotations

from wsol.models.networks._shapes import CLASS_NAMES, INPUT_SIZE, MEAN, NUM_CLASSES, STD, WEIGHTS
from wsol.models.networks._vgg import VGGACoL
from wsol.models.networks.shapes_vgg_gap import SIZE
from wsol.models.registered import model


@model(
    "shapes_acol",
    input_size=INPUT_SIZE,
    mean=MEAN,
    std=STD,
    class_names=CLASS_NAMES,
    trained=WEIGHTS / "shapes_acol.safetensors",
)
class ShapesACoL(VGGACoL):
    """`shapes_vgg_gap` with ``head=acol`` and its weights: (B, 3, 128, 128) to (B, 10), class maps of 16 x 16 cells.

    They were trained by `technique=acol` with its threshold, 0.7, which is the method's own, too.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__(SIZE, classes=num_classes, pools=3)
