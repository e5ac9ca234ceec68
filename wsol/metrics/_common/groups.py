"""Metric inputs of one size side by side on the device, and the outputs for one changed image of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol.metrics._base import MetricInput
from wsol.models.forward import class_probabilities
from wsol.models.query import ModelQuery


@dataclass(frozen=True, slots=True)
class SizeGroup:
    """J cases whose inputs have one size.

    Attributes
    ----------
    places : of the cases among those that were given.
    images : (I, 3, h, w), each once; image : (J,) which of them a case is of.
    """

    cases: list[MetricInput]
    places: list[int]
    images: Tensor
    image: Tensor

    @property
    def query(self) -> ModelQuery:
        return self.cases[0].query

    def stack(self, values: Callable[[MetricInput], NDArray[Any]], part: slice = slice(None)) -> Tensor:
        """(J, ...) on the device, copied there at once."""
        stacked = torch.as_tensor(np.stack([values(case) for case in self.cases[part]]))
        if self.images.is_cuda:  # else the copy would wait for all forwards before it
            stacked = stacked.pin_memory()
        return stacked.to(self.images.device, non_blocking=True)


def by_size(cases: Sequence[MetricInput]) -> Iterator[SizeGroup]:
    """Cases grouped by the size of their input and by the network they query."""
    groups: dict[object, list[int]] = {}
    for place, case in enumerate(cases):
        groups.setdefault((case.image.shape, id(case.query)), []).append(place)
    for places in groups.values():
        some = [cases[place] for place in places]
        first = {id(case.memo): case.image for case in some}
        number = {memo: n for n, memo in enumerate(first)}
        images = torch.stack([*first.values()])
        image = torch.tensor([number[id(case.memo)] for case in some], device=images.device)
        yield SizeGroup(some, places, images, image)


def outputs(
    cases: Sequence[MetricInput], changed: Callable[[SizeGroup], Callable[[slice], Tensor]]
) -> list[NDArray[Any]]:
    """(C,) probabilities in float64 for one changed image per case; all of them fill chunks together.

    Parameters
    ----------
    changed : from cases of one size to a function that makes the changed images (m, 3, h, w) of a slice of them.
    """
    found: dict[int, NDArray[Any]] = {}
    for group in by_size(cases):
        images = changed(group)
        parts = group.query.parts(len(group.cases))
        logits = [logits for _, logits in group.query.stream(images(part) for part in parts)]
        found |= dict(zip(group.places, class_probabilities(torch.cat(logits)).double().cpu().numpy(), strict=True))
    return [found[place] for place in range(len(cases))]
