"""ADL: layers of the network hide their strongest cells, or weigh all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from wsol.errors import ConfigError
from wsol.models.forward import wide
from wsol.models.networks._adl import adl_layers, draw
from wsol.options import Share, option
from wsol.training.technique import TrainingBatch, technique

if TYPE_CHECKING:
    from torch import Tensor, nn


@technique(
    "adl",
    paper="Choe and Shim, Attention-based Dropout Layer for Weakly Supervised Object Localization, CVPR 2019, sec. 3",
    year=2019,
    head="adl",
)
class ADL:
    """ADL: in each batch every such layer hides its strongest cells, or multiplies all by an importance map.

    a = mean_k A_k;  A becomes A * sigmoid(a), or with probability `drop_rate` A * [a < threshold max(a)]

    The maximum is each image's; one draw per layer and batch decides for all its images. In eval mode the layers do
    nothing. The loss is that of CAM. Agrees with clovaai/wsolevaluation's code [read].

    Traps: a high `drop_rate` drops often, a low `threshold` drops much; the papers' tables give the threshold as gamma.
    The importance map is above 0.5 behind a ReLU, so features shrink, and the next layer's scale with them.
    """

    threshold: Share = option(0.9, help="share of the maximum from which on cells are hidden (gamma)")
    drop_rate: Share = option(0.75, help="probability that a layer hides cells in a batch, instead of weighing them")

    def configure(self, network: nn.Module) -> None:
        layers = adl_layers(network)
        if not layers:
            raise ConfigError(
                f"technique adl needs layers of attention-based dropout, and {type(network).__name__} has none; give "
                "a network with model.head=adl, for example model=vgg16_gap"
            )
        for layer in layers:
            layer.threshold = self.threshold

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        return TrainingBatch(images, labels, seed=int(torch.randint(2**62, (), generator=generator)))

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        draw(adl_layers(network), self.drop_rate, torch.Generator().manual_seed(batch.seed))
        return functional.cross_entropy(wide(network(batch.images)), batch.labels)
