"""Object masks by graph cut, seeded by a map: the step between map and box for maps with holes and broken outlines.

The energies and the max-flow are OpenCV's in both functions. What differs is where the color models come from.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wsol.errors import ConfigError, MapError

Mask = NDArray[np.bool_]
MODEL_SIZE = 5  # Gaussians in OpenCV's color model; its array holds 5 weights, 5 means of 3, 5 covariances of 9


def grabcut_mask(
    image_bgr: NDArray[np.uint8],
    levels: NDArray[np.uint8],
    *,
    tau: float = 0.15,
    iterations: int = 1,
    seed: int = 12345,
) -> Mask:
    """The object (H, W) that OpenCV's GrabCut makes of a thresholded map (PengtaoJiang/layercam_loc, stages 1 to 3).

    Pixels with levels > tau * 255 are certain foreground, all others probable background. Where either set is empty
    nothing is cut: the thresholded map itself is the answer.

    Parameters
    ----------
    image_bgr : (H, W, 3) uint8. levels : (H, W) uint8 map at the image's size.
    seed : OpenCV's random state, set before the cut: its k-means start moves the outline. The original sets none.
    """
    _check(image_bgr, levels)
    above = levels > tau * 255
    if above.all() or not above.any():
        return above
    labels = np.where(above, cv2.GC_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    cv2.setRNGSeed(seed)
    labels = _cut(image_bgr, labels, _no_model(), _no_model(), iterations, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def color_cut_mask(
    image_rgb: NDArray[np.uint8],
    map01: NDArray[np.float64],
    *,
    fg_quantile: float = 0.95,
    bg_quantile: float = 0.3,
    components: int = MODEL_SIZE,
    seed: int = 12345,
) -> Mask:
    """The saliency-seeded color cut of Simonyan et al. (2013, sec. 3.2): its largest connected foreground, (H, W).

    Two Gaussian mixtures are fitted to the colors of the most and the least salient pixels; a graph cut then labels
    *all* pixels by color and contrast, so that the object can be more than its salient part. Ours: the fit (k-means,
    then one Gaussian per cluster, not EM). OpenCV's: k-means, and GrabCut's graph (8 neighbors, gamma 50) and max-flow.

    Parameters
    ----------
    image_rgb : (H, W, 3) uint8. map01 : (H, W), any range.
    fg_quantile, bg_quantile : quantiles of the map; foreground colors come from pixels at or above the first,
        background colors from those at or below the second (strictly so in the paper, but maps have ties).
    components : Gaussians per mixture, 1..5.

    A map without contrast between its quantiles gives an empty mask.
    """
    _check(image_rgb, map01)
    if not 0 <= bg_quantile < fg_quantile <= 1:
        raise ConfigError(f"bg_quantile={bg_quantile:g}, fg_quantile={fg_quantile:g}: need 0 <= bg < fg <= 1")
    if not 1 <= components <= MODEL_SIZE:
        raise ConfigError(f"components={components} can't be used; OpenCV's color model holds 1 to {MODEL_SIZE}")
    if not np.isfinite(map01).all():
        raise MapError("a map with NaN or infinite values has no quantiles")
    low, high = np.quantile(map01, (bg_quantile, fg_quantile))
    if low >= high:
        return np.zeros(map01.shape, bool)
    image_bgr = np.ascontiguousarray(image_rgb[..., ::-1])
    cv2.setRNGSeed(seed)
    background = _mixture(image_bgr[map01 <= low], components)
    foreground = _mixture(image_bgr[map01 >= high], components)
    # all "probable": color and contrast decide for every pixel, seeds included
    labels = np.where(map01 >= high, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels = _cut(image_bgr, labels, background, foreground, 1, cv2.GC_EVAL_FREEZE_MODEL)
    return _largest_piece(labels == cv2.GC_PR_FGD)


def _cut(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], background: Any, foreground: Any, iterations: int, mode: int
) -> NDArray[np.uint8]:
    pixels = np.ascontiguousarray(image)
    cut: Any = cv2.grabCut(pixels, labels, None, background, foreground, iterations, mode)  # type: ignore[call-overload]
    return np.asarray(cut[0], np.uint8)


def _no_model() -> NDArray[np.float64]:
    return np.zeros((1, 13 * MODEL_SIZE))


def _mixture(colors: NDArray[np.uint8], components: int) -> NDArray[np.float64]:
    """A Gaussian mixture of colors (n, 3) in OpenCV's layout: weights, means, covariances."""
    points = colors.astype(np.float32)
    count = min(components, len(points))
    # ten rounds, one start: what OpenCV's own GrabCut uses
    rounds = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)
    clusters: Any = cv2.kmeans(points, count, None, rounds, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    owner = clusters[1][:, 0]
    weights, means, covariances = np.zeros(MODEL_SIZE), np.zeros((MODEL_SIZE, 3)), np.zeros((MODEL_SIZE, 3, 3))
    for k in range(count):
        mine = points[owner == k].astype(np.float64)
        if len(mine):
            weights[k], means[k] = len(mine) / len(points), mine.mean(0)
            # white noise keeps flat colors invertible; OpenCV adds the same amount, but only to singular matrices
            covariances[k] = np.cov(mine.T, bias=True) + 0.01 * np.eye(3)
    return np.concatenate([weights, means.ravel(), covariances.ravel()])[None]


def _largest_piece(mask: Mask) -> Mask:
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    largest: Mask = pieces == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return largest


def _check(image: NDArray[np.uint8], values: NDArray[Any]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise MapError(f"a graph cut needs a (H, W, 3) uint8 image, not {image.shape} {image.dtype}")
    if values.shape != image.shape[:2]:
        raise MapError(f"the map is {values.shape}, the image {image.shape[:2]}; resize the map to the image first")
