"""A small vision transformer for the embedded dataset, so that methods of attention have a trained network offline."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsol.models.networks._shapes import CLASS_NAMES, INPUT_SIZE, MEAN, NUM_CLASSES, STD, WEIGHTS
from wsol.models.networks.shapes_gap import ShapesGAP
from wsol.models.registered import model

WIDTH, HEADS, DEPTH = 64, 4, 3
SIDE = 8  # rows and columns of patches, of 16 x 16 pixels each


class Block(nn.Module):
    """Attention and a perceptron, each on normalized tokens and beside a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm1(tokens)
        tokens = tokens + self.attn(normed, normed, normed, need_weights=False)[0]
        added: Tensor = tokens + self.mlp(self.norm2(tokens))
        return added


class Trunk(nn.Module):
    """(B, 3, 128, 128) to normalized tokens (B, 1 + 64, 64): the class token, then the patches row by row.

    Patches are embedded by convolutions (Xiao et al., 2021): the first four stages of `shapes_gap` and one of stride 2.
    A transformer that cuts patches out of the pixels learns too little from a few thousand images.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*list(ShapesGAP().children())[:4])
        self.embed = nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.zeros(1, 1 + SIDE**2, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        return self.tokens(self.stem(images))

    def tokens(self, stem: Tensor) -> Tensor:
        """The tokens of what the stem gave, (B, 64, 16, 16)."""
        row = self.embed(stem).flatten(2).transpose(1, 2)
        row = torch.cat([self.class_token.expand(len(row), -1, -1), row], 1) + self.position
        tokens: Tensor = self.norm(self.blocks(row))
        return tokens


@model(
    "shapes_vit",
    input_size=INPUT_SIZE,
    mean=MEAN,
    std=STD,
    class_names=CLASS_NAMES,
    trained=WEIGHTS / "shapes_vit.safetensors",
)
class ShapesViT(nn.Module):
    """Three blocks over 8 x 8 patches, and a linear layer that reads the class token: (B, 3, 128, 128) to (B, 10)."""

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.classify(self.trunk(images))

    def classify(self, tokens: Tensor) -> Tensor:
        """Logits (B, classes) of tokens."""
        logits: Tensor = self.head(tokens[:, 0])
        return logits
