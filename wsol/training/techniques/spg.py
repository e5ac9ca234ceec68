"""SPG: confident cells of a map teach further branches what is foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from wsol.errors import ConfigError
from wsol.models.forward import wide
from wsol.models.networks._acol import unit_range
from wsol.models.networks._spg import Guided
from wsol.options import Share, option
from wsol.training.technique import TrainingBatch, technique

if TYPE_CHECKING:
    from torch import Tensor, nn

FEW = 30  # pixels of foreground: with fewer, those above 0.7 of the maximum are taken (clovaai/wsolevaluation)
OF_MAXIMUM = 0.7
UNKNOWN = -1.0


@technique(
    "spg",
    paper="Zhang et al., Self-produced Guidance for Weakly-supervised Object Localization, ECCV 2018, sec. 3",
    year=2018,
    head="spg",
)
class SPG:
    """SPG: branches learn foreground and background from confident pixels of the class map and of each other.

    guide(S, h, l) = 1 where S > h, 0 where S < l, unknown elsewhere;
    loss = CE(logits, labels) + BCE(B2, guide(M, h1, l1)) + BCE(B1, guide(sigmoid(B2), h2, l2))
           + BCE(C, guide((sigmoid(B1) + sigmoid(B2)) / 2, h3, l3))

    M is the label's class map, stretched to [0, 1]. All maps are first enlarged to the images' size, bilinearly. BCE is
    the mean over the known pixels of the batch. Guides take part in no gradient.

    Certainty: loss, order of the guides, and what follows are clovaai/wsolevaluation's code [read]; the paper states
    the same losses, and its own code has other constants. Where fewer than 30 pixels of an image are above h, those
    above 0.7 of the maximum are foreground; a pixel below l is background in any case.

    Traps: 30 pixels are of 224 x 224. C teaches the backbone only: no map is made of it. In the authors' VGG the
    pretrained conv4 and conv5, here `SPG_A_1` and `SPG_A_2`, are trained at ten times the learning rate; in their
    ResNet no branch is.
    """

    h1: Share = option(0.7, help="of the class map: pixels above it are foreground for B2")
    l1: Share = option(0.01, help="of the class map: pixels below it are background for B2")
    h2: Share = option(0.5, help="of B2: pixels above it are foreground for B1")
    l2: Share = option(0.05, help="of B2: pixels below it are background for B1")
    h3: Share = option(0.7, help="of the mean of B1 and B2: pixels above it are foreground for C")
    l3: Share = option(0.1, help="of the mean of B1 and B2: pixels below it are background for C")

    def __post_init__(self) -> None:
        for number, (high, low) in enumerate(((self.h1, self.l1), (self.h2, self.l2), (self.h3, self.l3)), start=1):
            if low > high:
                raise ConfigError(f"technique.spg.l{number}={low:g} is above h{number}={high:g}; give a lower one")

    def configure(self, network: nn.Module) -> None:
        if not isinstance(network, Guided):
            raise ConfigError(
                f"technique spg needs branches for its guides, and {type(network).__name__} has none; give a network "
                "with model.head=spg, for example model=vgg16_gap"
            )

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        return TrainingBatch(images, labels)

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        found = network(batch.images, guides=True)
        size = batch.images.shape[2:]
        b1, b2, c = (_enlarged(logits, size) for logits in (found.b1, found.b2, found.c))
        label_map = found.maps.detach()[torch.arange(len(batch.labels)), batch.labels][:, None]
        by_class = guide(unit_range(_enlarged(label_map, size)), self.h1, self.l1)
        by_b2 = guide(b2.detach().sigmoid(), self.h2, self.l2)
        by_both = guide((b1.detach().sigmoid() + b2.detach().sigmoid()) / 2, self.h3, self.l3)
        loss = functional.cross_entropy(wide(found.logits), batch.labels)
        return loss + guided(b2, by_class) + guided(b1, by_b2) + guided(c, by_both)


def guide(scores: Tensor, high: float, low: float) -> Tensor:
    """(B, 1, H, W) scores to 1 for foreground, 0 for background, -1 for unknown; see `SPG`. A NaN is unknown."""
    foreground = scores > high
    few = foreground.sum((1, 2, 3), keepdim=True) < FEW
    strongest = scores > OF_MAXIMUM * scores.amax((1, 2, 3), keepdim=True)
    known = torch.full_like(scores, UNKNOWN).masked_fill(torch.where(few, strongest, foreground), 1)
    return known.masked_fill(scores < low, 0)


def guided(logits: Tensor, guides: Tensor) -> Tensor:
    """Mean binary cross-entropy over the known pixels of a batch, (B, 1, H, W) each; 0 where none is known."""
    known = (guides != UNKNOWN).to(logits)
    each = functional.binary_cross_entropy_with_logits(logits, guides.clamp(0), reduction="none")
    return (known * each).sum() / known.sum().clamp_min(1)


def _enlarged(maps: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(wide(maps), tuple(size), mode="bilinear", align_corners=False)
