"""Recipro-CAM."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.heads import before_pooling
from wsol.methods._common.masks import SCORE, Score
from wsol.models.scores import class_probabilities
from wsol.options import option

GAUSS = (0.25, 0.5, 0.25)  # 1/4 in the middle, 1/8 beside, 1/16 at the corners (ViT-Recipro-CAM, Byun & Lee 2023)


@method(
    "reciprocam",
    paper="Byun & Lee, Recipro-CAM, 2022, eq. 3-4",
    year=2022,
    needs=("activations", "model"),
    cost="1F + n P",
    costly=True,
)
class ReciproCAM:
    """Recipro-CAM: each cell's score when only that cell of the layer is kept.

    M_ij = f(A * 1_ij), all n cells from the layer on

    Identities: on a GAP head with the logit it is CAM after min-max, M = CAM / n + b, no forwards at all; used there.
    Traps: the map is a score, so it is signed and not zero for an empty layer. The authors' code takes the probability
    (score=prob): the preset reciprocam_authors. gauss3 weights the neighbors' features, as ViT-Recipro-CAM does; the
    authors' file for CNNs, where it is switched off, copies the middle cell's features to its neighbors.
    """

    score: Score = option("logit", help=SCORE)
    kernel: Literal["cell", "gauss3"] = option(
        "cell", help="what is kept: one cell, or a 3 x 3 window of 1/4, 1/8 and 1/16"
    )

    def __call__(self, layer: LayerFeatures) -> Tensor:
        batch, _, height, width = layer.activations.shape
        raw = torch.zeros(batch, height * width, dtype=layer.activations.dtype, device=layer.activations.device)
        for image, target in enumerate(layer.targets.tolist()):
            done = 0
            for logits in self._logits(layer, image):
                scores = class_probabilities(logits) if self.score == "prob" else logits
                raw[image, done : done + len(logits)] = scores[:, target].to(raw.dtype)
                done += len(logits)
        return raw.reshape(batch, height, width)

    def _logits(self, layer: LayerFeatures, image: int) -> list[Tensor]:
        """(m, C) logits for the cells in reading order, a part at a time."""
        activations = layer.activations[image]
        head = layer.head
        if head is not None and head.kind != "conv":  # a ReLU on class maps does not commute with the mean
            kept = before_pooling(layer)[image].double()
            per_class = torch.tensordot(head.weight.double(), self._spread(kept), 1).flatten(1).T
            return [per_class / len(per_class) + head.bias.double()]
        cells = torch.arange(activations.shape[-2:].numel(), device=activations.device)
        blocks = (self._kept(activations, part) for part in layer.parts(cells))
        return [logits for _, logits in layer.query.stream_from(layer.name, blocks, layer.images[image])]

    def _kept(self, activations: Tensor, cells: Tensor) -> Tensor:
        """(m, K, H, W) of (K, H, W) activations: of each copy one cell's window."""
        windows = torch.zeros_like(activations[:1]).expand(len(cells), -1, -1).clone()
        windows.flatten(1)[torch.arange(len(cells), device=cells.device), cells] = 1
        return activations * self._spread(windows)[:, None]

    def _spread(self, maps: Tensor) -> Tensor:
        """(m, H, W) with each cell's value given to its window; beyond the border it is lost."""
        if self.kernel == "cell":
            return maps
        for dim in (-2, -1):
            near = torch.zeros_like(maps)
            size = maps.shape[dim]
            if size > 1:
                near.narrow(dim, 0, size - 1).add_(maps.narrow(dim, 1, size - 1))
                near.narrow(dim, 1, size - 1).add_(maps.narrow(dim, 0, size - 1))
            maps = GAUSS[1] * maps + GAUSS[0] * near
        return maps
