"""Plain training of a classifier, whose maps CAM (Zhou et al., CVPR 2016) then reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from wsol.models.forward import wide
from wsol.training.technique import TrainingBatch, technique

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@technique("cam", paper="Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016", year=2016)
class CAM:
    """CAM: cross-entropy of the labels, nothing else."""

    def configure(self, network: nn.Module) -> None:
        """Nothing to hand over: every network has logits."""

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        return TrainingBatch(images, labels)

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        return functional.cross_entropy(wide(network(batch.images)), batch.labels)
