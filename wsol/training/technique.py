"""The contract of a training technique, and the decorator that registers one.

A technique says what a batch of images becomes and which loss the network is trained with. What it adds to a network
(a second branch, a dropout layer of its own) is the network's option ``head``, so that a checkpoint can be evaluated
without anything of this room. The loop, devices, learning rates and files are somebody else's job.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, dataclass_transform

from wsol.options import component
from wsol.registry import Registry

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class TechniqueInfo:
    """What is known of a technique without running it."""

    key: str
    name: str
    summary: str
    paper: str
    year: int | None
    head: str | None


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """What one step of training takes.

    Attributes
    ----------
    images : (B, 3, H, W) float, as the network takes them.
    labels : (B,) int64.
    other, share : with CutMix, the (B,) labels of the images that patches come from, and the share of pixels in [0, 1]
        that belongs to `labels`; None and 1.0 otherwise.
    seed : what the loss draws random numbers from, where the technique's network has any to draw.
    """

    images: Tensor
    labels: Tensor
    other: Tensor | None = None
    share: float = 1.0
    seed: int = 0


class Technique(Protocol):
    """What `wsol train` calls, in this order. Options are the fields of the class."""

    info: ClassVar[TechniqueInfo]

    def configure(self, network: nn.Module) -> None:
        """Once, before training: hand the options to the network's head. Raises ConfigError where it has none."""

    def batch(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> TrainingBatch:
        """In each step, on the device of the images. All random numbers come from the CPU's `generator`."""

    def loss(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        """The scalar to minimize, with the network in train mode."""


T = TypeVar("T", bound=Technique)
techniques: Registry[type[Technique]] = Registry("technique", "wsol.training.techniques")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def technique(key: str, *, paper: str, year: int | None, head: str | None = None) -> Callable[[type[Any]], type[Any]]:
    """Register a class as the technique `key`. Its docstring begins with ``Name: what it does``."""

    def register(cls: type[Any]) -> type[Any]:
        made: type[Any] = component(cls, f"technique.{key}")
        name, _, summary = (made.__doc__ or key).strip().splitlines()[0].partition(": ")
        made.info = TechniqueInfo(key=key, name=name, summary=summary, paper=paper, year=year, head=head)
        techniques.add(key, made)
        return made

    return register
