"""The two small networks that come with the package, trained on the embedded data set (`scripts/train_shapes.py`).

`shapes_vgg` has five stages of 3x3 convolutions, each ended by a max pool, and a fully connected head: the
architecture on which methods differ most. `shapes_gap` ends in global average pooling and one linear layer, so CAM
applies, and at stage 5 the gradient methods coincide as `handbook/methods.md` says. Both take 128 x 128 images and
give 10 logits.
"""

from __future__ import annotations

from pathlib import Path

import torch

from wsol.errors import ModelError, unknown

INPUT_SIZE = 128  # pixels; the whole image is squashed to this square
MEAN = (0.44, 0.44, 0.41)  # of the train split's pixels in [0, 1], to two digits
STD = (0.20, 0.19, 0.19)
NUM_CLASSES = 10
WEIGHTS = Path(__file__).parent / "weights"

# (channels, convolutions) of each stage.
VGG_STAGES = ((8, 1), (16, 1), (32, 1), (64, 2), (96, 2))
GAP_STAGES = ((8, 1), (16, 1), (32, 1), (64, 1), (96, 1))


class ShapesVGG(torch.nn.Module):
    """A VGG in small: (B, 3, 128, 128) to (B, 10).

    Names are torchvision's: `features.N`, `avgpool`, `classifier.N`. ReLUs work in place, as there. Stage outputs
    (after the last ReLU of a stage, before its pool) are 128, 64, 32, 16 and 8 pixels wide.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        inputs = 3
        for channels, convolutions in VGG_STAGES:
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


class ShapesGAP(torch.nn.Module):
    """Five stages, global average pooling, one linear layer: (B, 3, 128, 128) to (B, 10).

    Stages 2 to 4 begin with their max pool, so that the output of each is what its last ReLU gave: 128, 64, 32, 16
    and 16 pixels wide.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__()
        inputs = 3
        for stage, (channels, convolutions) in enumerate(GAP_STAGES, start=1):
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


NETS: dict[str, type[ShapesVGG] | type[ShapesGAP]] = {"shapes_vgg": ShapesVGG, "shapes_gap": ShapesGAP}


def build(name: str) -> torch.nn.Module:
    """An embedded network with random weights. Raises ModelError for another name."""
    if name not in NETS:
        raise unknown("embedded model", name, NETS, error=ModelError)
    return NETS[name]()


def load_embedded(name: str) -> torch.nn.Module:
    """An embedded network with its trained weights, in eval mode, float32. Raises ModelError."""
    import safetensors.torch

    net = build(name)
    file = WEIGHTS / f"{name}.safetensors"
    if not file.is_file():
        raise ModelError(f"the weights of {name} are missing: {file}; install wsol again")
    net.load_state_dict(safetensors.torch.load_file(file))
    return net.eval()
