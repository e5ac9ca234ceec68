"""Scores of many masks from those of a few: which few to try, and what they say of the others.

Masks that are alike have scores that are alike: scores are taken for a Gaussian process over masks, with the kernel
k(a, b) = exp(-|a - b|^2 / (2 l^2 D)), where D is the mean squared distance between two masks (Rasmussen & Williams,
Gaussian Processes for Machine Learning, 2006, eq. 2.25 and 5.12).
"""

from __future__ import annotations

import torch
from torch import Tensor

LENGTH = 1.0  # l of the choice of masks: on the drawn set 0.5 and 2 keep as many boxes, give or take a few
LENGTHS = (0.25, 0.5, 1.0, 2.0)  # of which the prediction takes what predicts the known scores best
NOISES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # likewise: the variance of a score around the process, as a share of its own


def representatives(cells: Tensor, importance: Tensor, count: int) -> Tensor:
    """(count,) places of the masks to try: each is the one that is least known from those before, times `importance`.

    What is left of the kernel's variance is that of a pivoted Cholesky decomposition.

    Parameters
    ----------
    cells : (n, d) masks. importance : (n,) of each, at least 0; the first of equal ones is taken.
    """
    covariance = _kernel(cells, cells, LENGTH, _scale(cells))
    left = torch.ones(len(cells), dtype=cells.dtype, device=cells.device)
    columns = cells.new_zeros(count, len(cells))
    taken: list[int] = []
    for n in range(count):
        gain = left * importance**2
        gain[taken] = -1.0
        place = int(gain.argmax())
        rest = covariance[place] - columns[:n].T @ columns[:n, place]
        columns[n] = rest / left[place].clamp(min=1e-12).sqrt()
        left = (left - columns[n] ** 2).clamp(min=0)
        taken.append(place)
    return torch.tensor(taken, dtype=torch.long, device=cells.device)


def predicted(cells: Tensor, values: Tensor, others: Tensor) -> Tensor:
    """(n, d) masks with (n,) scores, and (m, d) others to (m,): the process's mean, around the mean score.

    Length and noise are those with the smallest squared error of each score from all the others.
    """
    mean, scale = values.mean(), _scale(torch.cat([cells, others]))
    best, weights, length = float("inf"), torch.zeros_like(values), LENGTHS[0]
    for one in LENGTHS:
        size, vectors = torch.linalg.eigh(_kernel(cells, cells, one, scale))
        turned = vectors.T @ (values - mean)
        for noise in NOISES:
            inverse = 1 / (size.clamp(min=0) + noise)
            fitted = vectors @ (inverse * turned)
            error = float(((fitted / (vectors**2 @ inverse)) ** 2).mean())
            if error < best:
                best, weights, length = error, fitted, one
    return mean + _kernel(others, cells, length, scale) @ weights


def _kernel(a: Tensor, b: Tensor, length: float, scale: Tensor) -> Tensor:
    return torch.exp(-(torch.cdist(a, b) ** 2) / (2 * length**2 * scale))


def _scale(cells: Tensor) -> Tensor:
    """The mean squared distance between two masks; 1 where all are the same."""
    mean = 2 * cells.var(0, correction=0).sum()
    return torch.where(mean > 0, mean, 1)
