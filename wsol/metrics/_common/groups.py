"""Metric inputs of one size side by side on the device, and the outputs for one changed image of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol.metrics._base import MetricInput
from wsol.models.query import ModelQuery
from wsol.models.scores import class_probabilities


@dataclass(frozen=True, slots=True)
class SizeGroup:
    """J items whose inputs have one size.

    Attributes
    ----------
    places : of the items among those that were given.
    images : (I, 3, h, w), each once; image : (J,) which of them a item is of.
    """

    items: list[MetricInput]
    places: list[int]
    images: Tensor
    image: Tensor

    @property
    def query(self) -> ModelQuery:
        return self.items[0].query

    def stack(self, values: Callable[[MetricInput], NDArray[Any]], part: slice = slice(None)) -> Tensor:
        """(J, ...) on the device, copied there at once."""
        stacked = torch.as_tensor(np.stack([values(item) for item in self.items[part]]))
        if self.images.is_cuda:  # else the copy would wait for all forwards before it
            stacked = stacked.pin_memory()
        return stacked.to(self.images.device, non_blocking=True)


def by_size(items: Sequence[MetricInput]) -> Iterator[SizeGroup]:
    """Cases grouped by the size of their input and by the network they query."""
    groups: dict[object, list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault((item.image.shape, id(item.query)), []).append(place)
    for places in groups.values():
        some = [items[place] for place in places]
        first = {id(item.memo): item.image for item in some}
        number = {memo: n for n, memo in enumerate(first)}
        images = torch.stack([*first.values()])
        image = torch.tensor([number[id(item.memo)] for item in some], device=images.device)
        yield SizeGroup(some, places, images, image)


def outputs(
    items: Sequence[MetricInput], changed: Callable[[SizeGroup], Callable[[slice], Tensor]]
) -> list[NDArray[Any]]:
    """(C,) probabilities in float64 for one changed image per item; all of them fill chunks together.

    Parameters
    ----------
    changed : from items of one size to a function that makes the changed images (m, 3, h, w) of a slice of them.
    """
    by_place: dict[int, NDArray[Any]] = {}
    for group in by_size(items):
        images = changed(group)
        parts = group.query.parts(len(group.items))
        logits = [logits for _, logits in group.query.stream(images(part) for part in parts)]
        by_place |= dict(zip(group.places, class_probabilities(torch.cat(logits)).double().cpu().numpy(), strict=True))
    return [by_place[place] for place in range(len(items))]
