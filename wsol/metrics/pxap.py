"""PxAP: area under precision and recall of pixels, pooled over a data set (Choe et al., 2020, for OpenImages30k)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError
from wsol.localization.resize import normalise, resize
from wsol.metrics.base import Case, Columns, Score, lists, mean, metric
from wsol.metrics.truth import BACKGROUND, OBJECT, Against, truth_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Histograms = NDArray[np.float64]


def bin_edges(step: float) -> NDArray[np.float64]:
    """0, step, 2 step, ... below 1, then 1, 2 and 3: two more bins than thresholds (wsolevaluation)."""
    below = np.arange(0, 1, step)
    return np.append(below[below < 1], [1.0, 2.0, 3.0])


def histograms(
    map01: NDArray[np.floating[Any]], truth: NDArray[np.uint8], *, step: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Scores on object pixels and on background pixels, counted in `bin_edges(step)`; ignored pixels are nowhere.

    Bins hold their lower edge and not their upper one; the last holds both.
    """
    edges = bin_edges(step)
    bins = len(edges) - 1
    values = np.asarray(map01, np.float64)
    guess = np.clip((values / step).astype(np.int64), 0, bins - 2)  # then mended: k * step is not the float above it
    guess -= values < edges[guess]
    guess += values >= edges[guess + 1]
    index = np.minimum(guess, bins - 1)
    return (
        np.bincount(index[truth == OBJECT], minlength=bins),
        np.bincount(index[truth == BACKGROUND], minlength=bins),
    )


def pxap(foreground: NDArray[Any], background: NDArray[Any]) -> NDArray[np.float64]:
    """Histograms (..., bins) to (...,) in [0, 1]: sum over l of P_l (R_l - R_(l-1)) from the highest bin down.

    Bins without a pixel above them have no precision and are left out; NaN where there is no object pixel at all.
    """
    hits, claims = _down(foreground), _down(foreground) + _down(background)
    total = hits[..., -1:]
    precision = np.divide(hits, claims, out=np.zeros_like(hits), where=claims > 0)
    recall = np.divide(hits, total, out=np.full_like(hits, np.nan), where=total > 0)
    return np.asarray((precision[..., 1:] * np.diff(recall, axis=-1)).sum(-1))


def piou(foreground: NDArray[Any], background: NDArray[Any]) -> NDArray[np.float64]:
    """Histograms (..., bins) to (...,) in [0, 1]: the highest IoU of {score >= tau} with the object, over tau.

    NaN where there is no object pixel.
    """
    hits, wrong = _down(foreground), _down(background)
    union = hits[..., -1:] + wrong
    iou = np.divide(hits, union, out=np.full_like(hits, np.nan), where=hits[..., -1:] > 0)
    return np.asarray(iou.max(-1))


def _down(histogram: NDArray[Any]) -> NDArray[np.float64]:
    """Pixels in this bin or above it, from the highest bin down."""
    return np.cumsum(np.asarray(histogram, np.float64)[..., ::-1], axis=-1)


def _pooled_pxap(columns: Mapping[str, Sequence[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return pxap(*_pool(columns, weights))


def _pooled_piou(columns: Mapping[str, Sequence[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return piou(*_pool(columns, weights))


def _pool(columns: Mapping[str, Sequence[Any]], weights: NDArray[np.float64]) -> tuple[Histograms, Histograms]:
    return weights @ lists(columns["foreground"]), weights @ lists(columns["background"])


@metric(
    "pxap",
    paper="Choe et al., Evaluating WSOL Methods Right, CVPR 2020; pIoU: Zhu et al., DA-WSOL, CVPR 2022",
    year=2020,
    needs=("mask",),
    about="Pixel average precision and best pixel IoU, pooled over the data set; ignore regions dropped.",
)
class PxAP:
    """PxAP and pIoU: all pixels of the data set in one pool, so large objects count more; and PxAP an image.

    PxAP = sum_l P_l (R_l - R_(l-1)) over descending thresholds; pIoU = max over thresholds of the pooled IoU.

    Attributes
    ----------
    step : distance of the thresholds.
    against : ``mask``; ``boxes`` and ``auto`` are not the published metric.
    """

    step: float = 0.001
    against: Against = "mask"

    scores = (
        Score(name="pxap", label="PxAP", of=_pooled_pxap, percent=True),
        Score(name="piou", label="pIoU", of=_pooled_piou, percent=True),
        mean("pxap_image", label="PxAP / image", percent=True),
    )

    def __post_init__(self) -> None:
        if not 0 < self.step <= 0.5:
            raise ConfigError(f"step={self.step} gives no thresholds; give a number above 0 and at most 0.5")

    def measure(self, case: Case) -> Columns:
        """Columns foreground and background (histograms), pxap_image (None without an object pixel)."""
        map01 = case.map01
        if case.raw is not None:  # the published numbers resize by cubic interpolation, then stretch
            map01 = normalise(resize(case.raw, map01.shape[::-1], rule="cubic"), rule="minmax")
        foreground, background = histograms(map01, truth_of(case, self.against), step=self.step)
        alone = float(pxap(foreground, background))
        return {
            "foreground": foreground.tolist(),
            "background": background.tolist(),
            "pxap_image": None if np.isnan(alone) else alone,
        }
