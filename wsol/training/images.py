"""Training images: decoded, augmented by torchvision's transforms, and in an order that depends on the seed alone.

Every random number is drawn from (seed, epoch, image): how many workers or devices there are changes nothing, and a
training that was stopped in the middle of an epoch continues with the next batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision.transforms import v2

from wsol.seeding import hash_of, torch_generator

if TYPE_CHECKING:
    from torch import Tensor

    from wsol.datasets.base import Dataset
    from wsol.datasets.sample import Sample
    from wsol.training.recipe import Recipe

Place = tuple[int, int]  # epoch, and index among the samples; epoch -1 is without augmentation
PLAIN = -1
SMALLEST_AREA = 0.08  # of random_resized: Szegedy et al., CVPR 2015, and torchvision's default


def seed_of(*names: object) -> int:
    """A seed for torch's global generator, from names such as (seed, step)."""
    return int.from_bytes(hash_of(*names)[:8], "little") >> 1


class TrainingImages(TorchDataset[tuple["Tensor", int]]):
    """(3, crop, crop) uint8 images with their labels, by `Place`."""

    def __init__(self, data: Dataset, samples: Sequence[Sample], recipe: Recipe, *, side: int, seed: int) -> None:
        self.data, self.samples, self.seed = data, tuple(samples), seed
        self.keeps = recipe.cache
        self._kept: dict[tuple[int, bool], Tensor] = {}
        # PIL's bilinear resize comes first, as in clovaai/wsolevaluation; tensors are cut and mirrored like its images
        resize = [v2.Resize((recipe.resize, recipe.resize))] if recipe.resize else []
        self.resized = v2.Compose([*resize, v2.PILToTensor()])
        if recipe.crop_rule == "random_resized":
            crop: list[Any] = [v2.RandomResizedCrop(side, scale=(SMALLEST_AREA, 1.0), antialias=True)]
        else:
            crop = [v2.RandomCrop(side, padding=recipe.padding or None)]
        self.augment = v2.Compose([*crop, v2.RandomHorizontalFlip(recipe.flip)])
        self.plain = v2.Compose([v2.Resize((side, side)), v2.PILToTensor()])

    def __getitem__(self, place: Place) -> tuple[Tensor, int]:
        epoch, index = place
        sample = self.samples[index]
        if epoch == PLAIN:
            return self._once(index, sample, self.plain), sample.label
        with torch.random.fork_rng(devices=[]):
            torch.random.manual_seed(seed_of(self.seed, "augment", epoch, sample.image_id))
            return self.augment(self._once(index, sample, self.resized)), sample.label

    def _once(self, index: int, sample: Sample, transform: v2.Compose) -> Tensor:
        """What a transform without random numbers gives, kept where the recipe says so."""
        key = index, transform is self.plain
        if key in self._kept:
            return self._kept[key]
        image: Tensor = transform(self.data.image(sample))
        if self.keeps:
            self._kept[key] = image
        return image


@dataclass(frozen=True, slots=True)
class Order:
    """Which images each step of a training takes: every epoch all of them, shuffled, the last batch perhaps smaller.

    Attributes
    ----------
    count : images. batch : per step, over all devices together.
    """

    count: int
    batch: int
    epochs: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.count // self.batch)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def batches(self, first: int, *, rank: int = 0, ranks: int = 1) -> Iterator[list[Place]]:
        """Of each step from `first` on, what device `rank` of `ranks` takes.

        Where a batch can't be divided, its first images are taken twice.
        """
        for epoch in range(first // self.steps_per_epoch, self.epochs):
            shuffled = torch.randperm(self.count, generator=torch_generator(self.seed, "order", epoch)).tolist()
            start = first - epoch * self.steps_per_epoch if epoch == first // self.steps_per_epoch else 0
            for step in range(start, self.steps_per_epoch):
                chosen = shuffled[step * self.batch : (step + 1) * self.batch]
                while len(chosen) % ranks:
                    chosen = [*chosen, *chosen[: ranks - len(chosen) % ranks]]
                yield [(epoch, index) for index in chosen[rank::ranks]]


class _Batches:
    """A batch sampler of torch's loader from an iterator that can be made anew."""

    def __init__(self, order: Order, first: int, rank: int, ranks: int) -> None:
        self.order, self.first, self.rank, self.ranks = order, first, rank, ranks

    def __iter__(self) -> Iterator[list[Place]]:
        return self.order.batches(self.first, rank=self.rank, ranks=self.ranks)


def training_loader(
    images: TrainingImages, order: Order, first: int, *, rank: int, ranks: int, workers: int, pinned: bool
) -> DataLoader[tuple[Tensor, int]]:
    """Batches of (b, 3, side, side) uint8 images and (b,) labels, from step `first` on."""
    sampler: Any = _Batches(order, first, rank, ranks)
    return DataLoader(images, batch_sampler=sampler, num_workers=workers, pin_memory=pinned)


def plain_loader(
    images: TrainingImages, batch: int, *, rank: int = 0, ranks: int = 1, workers: int = 0
) -> DataLoader[tuple[Tensor, int]]:
    """All images once, squashed to the network's input; of device `rank` its share."""
    places = [(PLAIN, index) for index in range(len(images.samples))][rank::ranks]
    sampler: Any = [places[at : at + batch] for at in range(0, len(places), batch)]
    return DataLoader(images, batch_sampler=sampler, num_workers=workers)


def held_out(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Samples divided into those to train on, and of each class a share, at least one of several, to check on."""
    by_class: dict[int, list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: hash_of(seed, "held out", s.image_id)):
        by_class.setdefault(sample.label, []).append(sample)
    kept: list[Sample] = []
    checked: list[Sample] = []
    for group in by_class.values():
        count = min(max(1, round(share * len(group))), len(group) - 1) if share else 0
        checked += group[:count]
        kept += group[count:]
    return sorted(kept, key=lambda s: s.image_id), sorted(checked, key=lambda s: s.image_id)
