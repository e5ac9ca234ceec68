"""Scores along a path from one image to another, pixel by pixel in a given order; and the area under them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from wsol.models.query import ModelQuery

Ties = Literal["reversed", "raster"]


def pixel_order(saliency: NDArray[np.floating[Any]], *, ties: Ties) -> NDArray[np.int64]:
    """Flat pixel indices (h * w,) from the most to the least salient.

    Parameters
    ----------
    ties : equal pixels in ``raster`` order, or ``reversed``, as a stable ascending sort read backwards gives them. The
        official code does the latter with an unstable sort: its order inside ties depends on the numpy build.
    """
    flat = np.asarray(saliency).ravel()
    if ties == "raster":
        return np.argsort(-flat, kind="stable")
    return np.argsort(flat, kind="stable")[::-1].copy()


def step_counts(pixels: int, steps: int) -> NDArray[np.int64]:
    """Pixels changed at each point of a curve, (n + 1,), from 0 to `pixels` in equal steps but the last.

    The step is ceil(pixels / steps): at 224 x 224, 28 steps are 1792 pixels each and 224 steps are 224 (RISE).
    """
    size = -(-pixels // steps)
    count = -(-pixels // size)
    return np.minimum(np.arange(count + 1) * size, pixels)


def path_probabilities(
    query: ModelQuery,
    starts: Tensor,
    ends: Tensor,
    order: NDArray[np.integer[Any]],
    counts: Sequence[int] | NDArray[np.integer[Any]],
) -> NDArray[np.float64]:
    """Softmax outputs (P, T, C) along P paths from image to image.

    Point t of path p is `starts[p]` with the first counts[t] pixels of the order taken from `ends[p]`; all channels of
    a pixel change together. Images are made on the device, a chunk at a time.

    Parameters
    ----------
    starts, ends : (P, 3, h, w).
    order : (h * w,) flat pixel indices; each pixel once.
    counts : (T,) pixels changed, at least one number.
    """
    paths, _, height, width = starts.shape
    rank = torch.empty(height * width, dtype=torch.int64)
    rank[torch.as_tensor(np.asarray(order, np.int64))] = torch.arange(height * width)
    rank = rank.view(height, width).to(starts.device)
    changed = torch.as_tensor(np.asarray(counts, np.int64), device=starts.device)
    path = torch.arange(paths, device=starts.device).repeat_interleave(len(changed))
    changed = changed.repeat(paths)
    found = []
    for first in range(0, len(path), query.chunk):
        p, n = path[first : first + query.chunk], changed[first : first + query.chunk]
        images = torch.where((rank < n[:, None, None])[:, None], ends[p], starts[p])
        found.append(query.probabilities(images).double().cpu())
    return np.asarray(torch.cat(found).view(paths, len(counts), -1).numpy())


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
