"""Scores along a path from one image to another, pixel by pixel in a given order; and the area under them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol.metrics._base import MetricInput
from wsol.metrics._common.groups import SizeGroup
from wsol.models.query import ModelQuery
from wsol.models.scores import target_probability

Ties = Literal["reversed", "raster"]


def pixel_order(saliency: Tensor, *, ties: Ties) -> Tensor:
    """Flat pixel indices (..., h * w) of maps (..., h, w), from the most to the least salient.

    Parameters
    ----------
    ties : equal pixels in ``raster`` order, or ``reversed``, as a stable ascending sort read backwards gives them. The
        official code does the latter with an unstable sort: its order inside ties depends on the numpy build.
    """
    flat = saliency.flatten(-2)
    # 0 - x and x + 0 have no negative zero, which a GPU's sort puts below zero.
    if ties == "raster":
        return torch.argsort(0.0 - flat, dim=-1, stable=True)
    return torch.argsort(flat + 0.0, dim=-1, stable=True).flip(-1)


def pixel_ranks(order: Tensor, size: tuple[int, int]) -> Tensor:
    """Where in an order (..., h * w) each pixel comes, (..., h, w) int32 from 0."""
    ranks = torch.empty(order.shape, dtype=torch.int32, device=order.device)
    places = torch.arange(order.shape[-1], dtype=torch.int32, device=order.device)
    return ranks.scatter_(-1, order, places.expand(order.shape)).view(*order.shape[:-1], *size)


def map_ranks(group: SizeGroup, saliency: Callable[[MetricInput], NDArray[Any]], *, ties: Ties) -> Tensor:
    """(J, h, w) when each pixel's turn comes by a (h, w) map of each item; sorted a chunk of maps at a time."""
    ranks = []
    for part in group.query.parts(len(group.items)):
        maps = group.stack(saliency, part)
        ranks.append(pixel_ranks(pixel_order(maps, ties=ties), (maps.shape[-2], maps.shape[-1])))
    return torch.cat(ranks)


def step_counts(pixels: int, steps: int) -> NDArray[np.int64]:
    """Pixels changed at each point of a curve, (n + 1,), from 0 to `pixels` in equal steps but the last.

    The step is ceil(pixels / steps): at 224 x 224, 28 steps are 1792 pixels each and 224 steps are 224 (RISE).
    """
    size = -(-pixels // steps)
    count = -(-pixels // size)
    return np.minimum(np.arange(count + 1) * size, pixels)


@dataclass(frozen=True, slots=True)
class Paths:
    """P paths from image to image, all on the network's device.

    Attributes
    ----------
    images : (I, 3, h, w). start, end : (P,) which of them a path leads from and to.
    ranks : (R, h, w), when a pixel changes. rank : (P,) which of them a path follows.
    classes : (P,) the class whose probability is wanted.
    """

    images: Tensor
    start: Tensor
    end: Tensor
    ranks: Tensor
    rank: Tensor
    classes: Tensor


def path_probabilities(query: ModelQuery, paths: Paths, counts: Sequence[int] | NDArray[np.integer[Any]]) -> Tensor:
    """Softmax outputs (P, T) float64 along paths, each for its class; still on the device.

    Point t of a path is its start with the first counts[t] pixels of its order taken from its end; all channels of a
    pixel change together. Points of all paths fill chunks together, and images are made a chunk at a time.
    """
    device = paths.images.device
    changed = torch.as_tensor(np.asarray(counts, np.int64), device=device)
    steps = len(changed)

    def images(part: slice) -> Tensor:
        point = torch.arange(part.start, part.stop, device=device)
        path = point // steps
        gone = paths.ranks[paths.rank[path]] < changed[point % steps, None, None]
        return torch.where(gone[:, None], paths.images[paths.end[path]], paths.images[paths.start[path]])

    classes = paths.classes.repeat_interleave(steps)
    probabilities = torch.empty(len(classes), dtype=torch.float64, device=device)
    for part, logits in query.stream(images(part) for part in query.parts(len(classes))):
        probabilities[part] = target_probability(logits, classes[part]).double()
    return probabilities.view(len(paths.classes), steps)


def area(scores: NDArray[np.float64], *, at: NDArray[np.floating[Any]] | None = None) -> float:
    """Area under (T,) scores by trapezoids.

    Parameters
    ----------
    at : positions in [0, 1]. None spaces the points evenly whatever the last step changed, as RISE does:
        (sum - half of both ends) / (T - 1).
    """
    if at is None:
        return float((scores.sum() - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1))
    return float((np.diff(at) * (scores[1:] + scores[:-1]) / 2).sum())
