"""Student and teacher: the student learns the teacher's logits, and its class activation maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from wsol.errors import ConfigError, ModelError
from wsol.models.forward import wide
from wsol.models.heads import head_behind
from wsol.models.network import AnyNetwork, evaluating
from wsol.models.stages import resolve_layer
from wsol.models.zoo import load_classifier
from wsol.options import NotNegative, Positive, Share, option
from wsol.training.technique import TrainingBatch, technique

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.models.network import Network


@dataclass(frozen=True, slots=True)
class Mapped:
    """A network whose CAM can be had: its last layer, and its linear head, by name."""

    network: nn.Module
    layer: str
    head: str

    def logits_and_maps(self, network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """(B, C) logits and the (B, 1, h, w) maps of the labels, of one forward pass."""
        kept: list[Tensor] = []
        handle = network.get_submodule(self.layer).register_forward_hook(lambda _, __, output: kept.append(output))
        try:
            logits = wide(network(batch.images))
        finally:
            handle.remove()
        weight = wide(network.get_submodule(self.head).weight[batch.labels])  # type: ignore[index]
        return logits, torch.einsum("bk,bkhw->bhw", weight, wide(kept[0]))[:, None]


@technique(
    "distill_maps",
    paper="Hinton et al., Distilling the Knowledge in a Neural Network, 2015, sec. 2; maps: Zagoruyko and Komodakis, "
    "Paying More Attention to Attention, ICLR 2017, sec. 3",
    year=2017,
)
class DistillMaps:
    """Distilled maps: a student is taught by the logits and the class activation maps of a trained network.

    loss = (1 - share) CE(z, labels) + share T^2 KL(softmax(t / T) || softmax(z / T))
           + maps mean_b || q_b / |q_b| - p_b / |p_b| ||^2

    z and t are the student's and the teacher's logits, q and p their CAMs of the label, sum_k w_k A_k at the last
    stage, less their spatial mean; the teacher's is resized to the student's grid first. Of attention transfer it has
    the normalized difference, here of class maps instead of sums over channels: no paper has these maps, so that the
    weights are this project's.

    Traps: both networks must end in average pooling and one linear layer, and take the same normalized input. Maps
    are compared without their mean, which is the logit less its bias.
    """

    teacher: str = option("", help="a network as model=NAME has it, or the folder or file of a training")
    teacher_weights: str | None = option(None, help="of a teacher that is a name: a file, or null for its own")
    share: Share = option(0.5, help="weight of the teacher's logits against the labels")
    temperature: Positive = option(4.0, help="of both softmaxes (T)")
    maps: NotNegative = option(1.0, help="weight of the difference of the maps; 0 is plain distillation")

    _networks: dict[str, Mapped] = field(default_factory=dict, init=False, repr=False, compare=False)

    def configure(self, network: nn.Module) -> None:
        """Load the teacher. Raises ConfigError where none is named, ModelError where a network has no linear head."""
        device = next(network.parameters()).device
        if "teacher" in self._networks:
            self._networks["teacher"].network.to(device)
            return
        if not self.teacher:
            raise ConfigError("technique distill_maps needs technique.teacher=NAME or DIR, a trained network")
        teacher = load_classifier(self.teacher, weights=self.teacher_weights)
        teacher.module.requires_grad_(False)
        student = AnyNetwork(network, torch.rand_like(teacher.example).to(device))
        self._networks["student"] = mapped(student, "student")
        self._networks["teacher"] = mapped(teacher, "teacher")
        classes = [len(one.network.get_submodule(one.head).weight) for one in self._networks.values()]  # type: ignore[arg-type]
        if len({*classes}) > 1:
            raise ModelError(f"technique distill_maps: the student has {classes[0]} classes, the teacher {classes[1]}")

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        return TrainingBatch(images, labels)

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        student, teacher = self._networks["student"], self._networks["teacher"]
        with torch.no_grad():
            logits_t, maps_t = teacher.logits_and_maps(teacher.network, batch)
        logits, maps = student.logits_and_maps(network, batch)
        soft = functional.kl_div(
            (logits / self.temperature).log_softmax(1),
            (logits_t / self.temperature).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )
        maps_t = functional.interpolate(maps_t, maps.shape[2:], mode="bilinear", align_corners=False)
        difference = (unit(maps) - unit(maps_t)).square().sum((1, 2, 3)).mean()
        labels = functional.cross_entropy(logits, batch.labels)
        return (1 - self.share) * labels + self.share * self.temperature**2 * soft + self.maps * difference


def mapped(network: Network, whose: str) -> Mapped:
    """The last layer of a network and the linear layer behind its average pooling. Raises ModelError without."""
    module, layer = network.module, resolve_layer(network, "last")
    images = torch.cat([network.example, network.example.flip(3)])
    with evaluating(module):
        head = head_behind(module, layer, images)
    linear = [
        name
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and head is not None and head.linear and part.weight.shape == head.weight.shape
    ]
    if not linear:
        raise ModelError(
            f"technique distill_maps: the {whose} has no average pooling and linear layer behind {layer}, so it has no "
            "class activation map; take another network, or recipe.new_head=pooled"
        )
    return Mapped(module, layer, linear[-1])


def unit(maps: Tensor) -> Tensor:
    """(B, 1, h, w) maps less their spatial mean, each of length 1."""
    centered = maps - maps.mean((2, 3), keepdim=True)
    return functional.normalize(centered.flatten(1), dim=1).view_as(maps)
