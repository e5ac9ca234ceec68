"""Score maps that evaluators disagree on if they disagree anywhere: ties, plateaus, single pixels, NaN, any size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("smooth", "ties", "noise", "plateaus", "lines", "low", "flat", "nan")
LONGEST = 32  # pixels of a side: small maps have every case of contours, and a thousand thresholds each


@dataclass(frozen=True, slots=True)
class FuzzedMap:
    """A score map with true boxes.

    Attributes
    ----------
    raw : (h, w) float64 in [0, 1], or with NaN.
    boxes : (g, 4) whole numbers x0 y0 x1 y1 in its pixels; stored, size_wh : others, in an image of another size.
    """

    kind: str
    raw: NDArray[np.float64]
    boxes: NDArray[np.int64]
    stored: NDArray[np.int64]
    size_wh: tuple[int, int]


def cases(count: int, *, seed: int = 0) -> Iterator[FuzzedMap]:
    """`count` cases, the same ones for a seed; kinds take turns, and every second map is not square."""
    for n in range(count):
        rng = np.random.default_rng([seed, n])
        height = int(rng.integers(4, LONGEST + 1))
        width = height if n // len(KINDS) % 2 else int(rng.integers(4, LONGEST + 1))
        kind = KINDS[n % len(KINDS)]
        size = int(rng.integers(30, 600)), int(rng.integers(30, 600))
        yield FuzzedMap(kind, _map(kind, height, width, rng), _boxes(width, height, rng), _boxes(*size, rng), size)


def _map(kind: str, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    coarse = rng.random((int(rng.integers(2, 6)), int(rng.integers(2, 6))))
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    smooth = np.asarray(np.clip(large, 0, 1), np.float64)
    raw: NDArray[np.float64] = smooth
    if kind == "ties":
        raw = np.round(smooth * 4) / 4
    elif kind == "noise":
        raw = rng.random((height, width))
    elif kind == "plateaus":
        raw = np.where(smooth > 0.6, 1.0, np.where(smooth > 0.4, 0.5, 0.0))
    elif kind == "lines":
        raw = np.zeros((height, width))
        raw[int(rng.integers(height))] = 1.0
        raw[:, int(rng.integers(width))] = 0.7
        raw[rng.random((height, width)) < 0.03] = 0.9
    elif kind == "low":
        raw = smooth * rng.choice([0.003, 0.1, 0.7])
    elif kind == "flat":
        raw = np.full((height, width), rng.choice([0.0, 0.4, 1.0]))
    elif kind == "nan":
        raw = smooth.copy()
        raw[int(rng.integers(height)), int(rng.integers(width))] = np.nan
    return raw


def _boxes(width: int, height: int, rng: np.random.Generator) -> NDArray[np.int64]:
    count = int(rng.integers(1, 4))
    x, y = (np.sort(rng.integers(0, side, (count, 2)), axis=1) for side in (width, height))
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1).astype(np.int64)
