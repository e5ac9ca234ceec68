"""CutMix: a rectangle of each image comes from another one, and so does that share of its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from wsol.models.forward import wide
from wsol.options import Positive, Share, option
from wsol.training.technique import TrainingBatch, technique

if TYPE_CHECKING:
    from torch import Tensor, nn


@technique("cutmix", paper="Yun et al., CutMix, ICCV 2019, sec. 3.1 and alg. A1", year=2019)
class CutMix:
    """CutMix: one rectangle in all images of a batch is filled from a permutation of them, and labels are mixed.

    lambda ~ Beta(beta, beta); the rectangle has sqrt(1 - lambda) of the sides, its center anywhere, what sticks out cut
    off; share = 1 - its pixels / all pixels;
    loss = share CE(logits, labels) + (1 - share) CE(logits, labels of the permutation)

    A batch is mixed with `probability`. The share is counted in pixels after the cut, not lambda. Agrees with
    clovaai/wsolevaluation's code [read], whose half sides are whole pixels, rounded down.

    Traps: torchvision's and timm's transforms draw from the global state of torch and NumPy; this one draws from the
    generator, so that a resumed run sees the same batches.
    """

    beta: Positive = option(1.0, help="of the Beta distribution of the share; 1 is uniform, as in the paper")
    probability: Share = option(1.0, help="with which a batch is mixed; 1 in the paper on ImageNet")

    def configure(self, network: nn.Module) -> None:
        """Nothing to hand over: the network is a plain one."""

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        if float(torch.rand((), generator=generator)) >= self.probability:
            return TrainingBatch(images, labels)
        seed = int(torch.randint(2**62, (), generator=generator))
        share = np.random.default_rng(seed).beta(self.beta, self.beta)  # torch's Beta takes no generator
        source = torch.randperm(len(images), generator=generator).to(images.device)
        height, width = images.shape[2:]
        rows, columns = (self._span(side, share, generator) for side in (height, width))
        mixed = images.clone()
        mixed[:, :, rows, columns] = images[source, :, rows, columns]
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        return TrainingBatch(mixed, labels, other=labels[source], share=1 - pixels / (height * width))

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        logits = wide(network(batch.images))
        loss = functional.cross_entropy(logits, batch.labels)
        if batch.other is None:
            return loss
        return batch.share * loss + (1 - batch.share) * functional.cross_entropy(logits, batch.other)

    @staticmethod
    def _span(side: int, share: float, generator: torch.Generator) -> slice:
        """The rectangle along one side: a center of any pixel, and half of its length to both sides."""
        half = int(side * (1 - share) ** 0.5) // 2
        center = int(torch.randint(side, (), generator=generator))
        return slice(max(0, center - half), min(side, center + half))
