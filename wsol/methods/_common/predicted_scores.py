"""Scores of many masks from those of a few: which few to try, and what they say of the others.

Masks that are alike have scores that are alike: scores are taken for a Gaussian process over masks, with the kernel
k(a, b) = exp(-|a - b|^2 / (2 l^2 D)), where D is the mean squared distance between two masks (Rasmussen & Williams,
Gaussian Processes for Machine Learning, 2006, eq. 2.25 and 5.12).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

LENGTH = 1.0  # l of the choice of masks: on the drawn set 0.5 and 2 keep as many boxes, give or take a few
LENGTHS = (0.25, 0.5, 1.0, 2.0)  # of which the prediction takes what predicts the known scores best
NOISES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # likewise: the variance of a score around the process, as a share of its own


def representatives(cells: Tensor, importance: Tensor, count: int) -> Tensor:
    """(count,) places of the masks to try: each is the one that is least known from those before, times `importance`.

    What is left of the kernel's variance is that of a pivoted Cholesky decomposition. Its steps are short and follow
    from each other, which numpy does faster than torch, and without a device to wait for.

    Parameters
    ----------
    cells : (n, d) masks. importance : (n,) of each, at least 0; the first of equal ones is taken.
    """
    covariance = _kernel(_distances(cells, cells), LENGTH, _scale(cells)).cpu().numpy()
    weights = (importance**2).cpu().numpy()
    left, columns = np.ones(len(cells)), np.zeros((count, len(cells)))
    taken = np.zeros(count, np.int64)
    for n in range(count):
        gain = left * weights
        gain[taken[:n]] = -1.0
        taken[n] = place = gain.argmax()
        rest = covariance[place] - columns[:n, place] @ columns[:n]
        columns[n] = rest / np.sqrt(max(left[place], 1e-12))
        left = np.maximum(left - columns[n] ** 2, 0)
    return torch.from_numpy(taken).to(cells.device)


def predicted(cells: Tensor, values: Tensor, others: Tensor) -> Tensor:
    """(n, d) masks with (n,) scores, and (m, d) others to (m,): the process's mean, around the mean score.

    Length and noise are those with the smallest squared error of each score from all the others.
    """
    mean, scale = values.mean(), _scale(torch.cat([cells, others]))
    distances = _distances(cells, cells)
    fits = [_fits(_kernel(distances, length, scale), values - mean) for length in LENGTHS]
    best = int(torch.stack([errors for _, errors in fits]).argmin())
    length, noise = divmod(best, len(NOISES))
    weights, _ = fits[length]
    return mean + _kernel(_distances(others, cells), LENGTHS[length], scale) @ weights[:, noise]


def _fits(covariance: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """For each of NOISES, (n, noises) weights of the known masks in a prediction, and (noises,) mean squared errors of
    each score from all the others (eq. 5.12)."""
    size, vectors = torch.linalg.eigh(covariance)
    inverse = 1 / (size.clamp(min=0)[:, None] + covariance.new_tensor(NOISES))
    weights = vectors @ (inverse * (vectors.T @ values)[:, None])
    return weights, ((weights / (vectors**2 @ inverse)) ** 2).mean(0)


def _kernel(distances: Tensor, length: float | Tensor, scale: Tensor) -> Tensor:
    return torch.exp(-distances / (2 * length**2 * scale))


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared, of every mask in `a` (n, d) and every one in `b` (m, d), as (n, m)."""
    return torch.cdist(a, b) ** 2


def _scale(cells: Tensor) -> Tensor:
    """The mean squared distance between two masks; 1 where all are the same."""
    mean = 2 * cells.var(0, correction=0).sum()
    return torch.where(mean > 0, mean, 1)
