"""Probabilities on the image masked by its map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.metrics._base import MetricInput, digest, once_each
from wsol.metrics._common.groups import SizeGroup, outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.floating[Any]]


def shown_only(images: Tensor, maps01: Tensor) -> Tensor:
    """(..., 3, h, w): images times their min-max maps; what a map hides becomes the mean color."""
    return images * maps01.to(images.dtype).unsqueeze(-3)


def shown_probabilities(items: Sequence[MetricInput]) -> list[NDArray[np.float64]]:
    """(C,) outputs for `shown_only`, computed once for all metrics and for variants with the same map."""

    def changed(group: SizeGroup) -> Callable[[slice], Tensor]:
        return lambda part: shown_only(group.images[group.image[part]], group.stack(lambda c: c.map01, part))

    return once_each(items, lambda item: ("shown", digest(item.map01)), lambda some: outputs(some, changed))


def average_drop(before: float, after: float) -> float:
    """max(0, y - o) / y in [0, 1]; 0 where there was nothing to lose."""
    return 0.0 if before <= 0 else max(before - after, 0.0) / before  # in this order NaN stays NaN


def average_gain(before: float, after: float) -> float:
    """max(0, o - y) / (1 - y) in [0, 1]; 0 where there was nothing to win."""
    return 0.0 if before >= 1 else max(after - before, 0.0) / (1 - before)
