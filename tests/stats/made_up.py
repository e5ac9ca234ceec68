"""Made-up IoU curves whose population is known by sheer numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from wsol.stats.curves import Curves

DELTAS = (0.3, 0.5, 0.7)


def iou_matrix(rng: np.random.Generator, n: int, *, centre: float = 70, levels: int = 255) -> NDArray[np.float64]:
    """(n, levels) IoU of n images: each rises to its own peak near a threshold of its own, and falls.

    Peaks, places and widths are chosen so that MaxBoxAcc, its bias and its best thresholds resemble those of CAMs.
    """
    place = rng.normal(centre, 40, (n, 1))
    width = np.exp(rng.normal(4.2, 0.5, (n, 1)))
    peak = rng.beta(4, 2, (n, 1))
    return peak * np.exp(-(((np.arange(levels) - place) / width) ** 2))


def from_matrix(iou: NDArray[np.float64]) -> Curves:
    """Curves on the integer levels of an (n, levels) matrix."""
    n, levels = iou.shape
    breaks = np.tile(np.arange(levels, dtype=np.float64), n)
    return Curves(breaks, iou.ravel(), np.arange(n + 1) * levels, levels)


def from_lists(breaks: Sequence[ArrayLike], values: Sequence[ArrayLike], *, levels: int | None = None) -> Curves:
    """Curves of n images from n pairs of lists of equal length."""
    b = [np.atleast_1d(np.asarray(one, np.float64)) for one in breaks]
    v = [np.atleast_1d(np.asarray(one, np.float64)) for one in values]
    offsets = np.cumsum([0, *map(len, b)])
    empty = np.zeros(0)
    return Curves(np.concatenate([empty, *b]), np.concatenate([empty, *v]), offsets, levels)


def population_best(rng: np.random.Generator, n: int, **options: float) -> dict[float, float]:
    """MaxBoxAcc by delta of n images too many for one matrix."""
    hits = {delta: np.zeros(255) for delta in DELTAS}
    for _ in range(n // 5000):
        iou = iou_matrix(rng, 5000, **options)  # type: ignore[arg-type]
        for delta in DELTAS:
            hits[delta] += (iou >= delta).sum(0)
    return {delta: float(count.max()) / (n // 5000 * 5000) for delta, count in hits.items()}


@st.composite
def step_lists(draw: st.DrawFn, *, levels: int | None = 12) -> tuple[list[list[float]], list[list[float]]]:
    """Breaks and values of one to six images, on integer levels or anywhere in [0, 1)."""
    last = 40 if levels is None else levels - 1
    place = st.integers(1, last).map(lambda k: k / (last + 1) if levels is None else float(k))
    ious = st.sampled_from([0.0, 0.29, 0.3, 0.31, 0.5, 0.7, 0.9, 1.0])
    breaks, values = [], []
    for _ in range(draw(st.integers(1, 6))):
        own = [0.0, *sorted(draw(st.sets(place, max_size=6)))]
        breaks.append(own)
        values.append(draw(st.lists(ious, min_size=len(own), max_size=len(own))))
    return breaks, values
