"""k-means, small, seeded and the same for any order of the points."""

import numpy as np
import torch
from torch import Generator, Tensor

ROUNDS = 100  # Lloyd's rounds at most; ten clusters of unit vectors settle in about ten


def kmeans(points: Tensor, clusters: int, generator: Generator) -> Tensor:
    """Labels (m,) of (m, d) float64 points: k-means++ starts, then Lloyd's rounds until nothing moves.

    Points are put in lexicographic order first, so their order does not matter; a tie goes to the first center. Fewer
    clusters come out where there are fewer different points.
    """
    order = torch.from_numpy(np.lexsort(points.numpy().T[::-1]).copy())
    ranked = points[order]
    centers = _starts(ranked, clusters, generator)
    labels = _nearest(ranked, centers)
    for _ in range(ROUNDS):
        centers = torch.stack(
            [ranked[labels == j].mean(0) if bool((labels == j).any()) else centers[j] for j in range(len(centers))]
        )
        moved = _nearest(ranked, centers)
        if torch.equal(moved, labels):
            break
        labels = moved
    back = torch.empty_like(labels)
    back[order] = labels
    return back


def _starts(points: Tensor, clusters: int, generator: Generator) -> Tensor:
    """k-means++ (Arthur & Vassilvitskii, 2007): further centers drawn by squared distance to the nearest so far."""
    draws = torch.rand(clusters, generator=generator, dtype=torch.float64)
    chosen = [int(draws[0] * len(points))]
    distance = _squared(points, points[chosen[0]])
    for draw in draws[1:]:
        total = distance.cumsum(0)
        if not total[-1] > 0:
            break
        place = int(torch.searchsorted(total, draw * total[-1], right=True))
        chosen.append(min(place, len(points) - 1))
        distance = torch.minimum(distance, _squared(points, points[chosen[-1]]))
    return points[chosen]


def _nearest(points: Tensor, centers: Tensor) -> Tensor:
    # argmin of a numpy array: torch leaves open which of several equal minima it returns
    distances = torch.stack([_squared(points, center) for center in centers], 1)
    return torch.from_numpy(distances.numpy().argmin(1))


def _squared(points: Tensor, center: Tensor) -> Tensor:
    return ((points - center) ** 2).sum(1)
