"""Naive twins of the methods that cover parts of the image and look at no layer, one forward at a time."""

from __future__ import annotations

import numpy as np
import torch
from skimage.measure import label
from skimage.segmentation import slic

from tests.reference.method_case import Array, Case, bilinear
from tests.reference.twins import compare


@compare(samples=12)
@compare("vgg", samples=12, cells=5, keep=0.3, score="logit")
def rise(case: Case, *, samples: int = 4000, cells: int = 7, keep: float = 0.5, score: str = "prob") -> Array:
    h, w = case.size
    step = int(np.ceil(h / cells)), int(np.ceil(w / cells))
    random = case.run_random("rise")
    grids = torch.rand(samples, cells, cells, generator=random, dtype=torch.float64).numpy() < keep
    shifts = torch.rand(samples, 2, generator=random, dtype=torch.float64).numpy()
    total = np.zeros((h, w))
    for grid, shift in zip(grids, shifts, strict=True):
        large = bilinear(grid.astype(float), ((cells + 1) * step[0], (cells + 1) * step[1]))
        y, x = int(shift[0] * step[0]), int(shift[1] * step[1])
        mask = large[y : y + h, x : x + w]
        total = total + case.net.score(case.image * mask, case.target, score) * mask
    return total / (samples * keep)


@compare()
@compare("vgg", window=0.4, stride=0.3, score="logit")
def occlusion(case: Case, *, window: float = 0.25, stride: float = 0.125, score: str = "prob") -> Array:
    h, w = case.size
    whole = case.net.score(case.image, case.target, score)
    total, count = np.zeros((h, w)), np.zeros((h, w))
    tall, wide = round(window * h), round(window * w)
    for top in [*range(0, h - tall, round(stride * h)), h - tall]:
        for left in [*range(0, w - wide, round(stride * w)), w - wide]:
            covered = case.image.copy()
            covered[:, top : top + tall, left : left + wide] = 0
            total[top : top + tall, left : left + wide] += whole - case.net.score(covered, case.target, score)
            count[top : top + tall, left : left + wide] += 1
    return total / count


@compare(segments=16)
@compare("vgg", segments=9, compactness=30.0, sigma=2.0, score="logit")
def regionocclusion(
    case: Case, *, segments: int = 64, compactness: float = 10.0, sigma: float = 1.0, score: str = "prob"
) -> Array:
    low, high = case.image.min(), case.image.max()
    pixels = np.stack([(channel - low) / (high - low) for channel in case.image], -1)
    regions = slic(pixels, n_segments=segments, compactness=compactness, sigma=sigma)
    assert len(np.unique(regions)) > 1
    assert label(regions, connectivity=1).max() == len(np.unique(regions)), "a region in several pieces"
    whole = case.net.score(case.image, case.target, score)
    out = np.zeros(case.size)
    for region in np.unique(regions):
        covered = case.image.copy()
        for y, x in zip(*np.nonzero(regions == region), strict=True):
            covered[:, y, x] = 0
        out[regions == region] = whole - case.net.score(covered, case.target, score)
    return out
