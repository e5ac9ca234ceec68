"""ACoL: a second classifier sees what the first one's map leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from wsol.errors import ConfigError
from wsol.models.forward import wide
from wsol.models.networks._acol import TwoBranches
from wsol.options import Share, option
from wsol.training.technique import TrainingBatch, technique

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@technique(
    "acol",
    paper="Zhang et al., Adversarial Complementary Learning for Weakly Supervised Object Localization, CVPR 2018, "
    "sec. 3.2 and alg. 1",
    year=2018,
    head="acol",
)
class ACoL:
    """ACoL: two branches; the second sees the features where the first one's map of the label is weak.

    M = stretch(maps_A[label]) to [0, 1];  features_B = features * [M < threshold];
    loss = CE(logits_A, labels) + CE(logits_B, labels)

    Logits are the spatial means of a branch's class maps. M takes part in no gradient. Agrees with
    clovaai/wsolevaluation's code [read]; the paper's alg. 1 is the same.

    Traps: M is stretched from its minimum to its maximum, so the threshold is not a share of the maximum itself. At
    test time the map is the maximum of both branches' (`method=acol`), which needs the threshold again: a checkpoint
    does not hold it. In the authors' ResNet the branches are not in the group of ten times the learning rate.
    """

    threshold: Share = option(0.7, help="of the first branch's map from which on features are erased (delta)")

    def configure(self, network: nn.Module) -> None:
        if not isinstance(network, TwoBranches):
            raise ConfigError(
                f"technique acol needs two branches, and {type(network).__name__} has one; give a network with "
                "model.head=acol, for example model=vgg16_gap"
            )

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        return TrainingBatch(images, labels)

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        branches = network(batch.images, batch.labels, self.threshold)
        first = functional.cross_entropy(wide(branches.logits), batch.labels)
        return first + functional.cross_entropy(wide(branches.logits_b), batch.labels)
