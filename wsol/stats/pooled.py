"""Numbers of counts that are pooled over images at every threshold, where the best threshold is taken last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Columns = Mapping[str, Sequence[Any]]


def best_share(columns: Columns, weights: Floats) -> Floats:
    """(r,) in [0, 1]: the largest share of boxes found, over thresholds; the mean where there are several columns.

    Parameters
    ----------
    columns : ``objects``, how many boxes each of n images has; every other column holds, per image (thresholds,), how
        many of them are found.
    weights : (r, n) of the images. NaN where no weighted image has a box.
    """
    total = weights @ np.asarray(columns["objects"], np.float64)
    most = [(weights @ _table(column)).max(1) for name, column in columns.items() if name != "objects"]
    shares: Floats = np.full((len(most), len(weights)), np.nan)
    np.divide(most, total, out=shares, where=np.broadcast_to(total > 0, shares.shape))
    return np.asarray(shares.mean(0))


def class_iou(columns: Columns, weights: Floats) -> Floats:
    """(r,) in [0, 1]: the mean over background and classes of their IoU, at the threshold where it is largest.

    Each IoU is over the pixels of all images. A class without a weighted image is left out of the mean.

    Parameters
    ----------
    columns : the label, and histograms of the object's and of the background's pixels, in this order; per image
        (thresholds + 1,), where entry k counts the pixels that are above k thresholds.
    weights : (r, n) of the n images.
    """
    label, foreground, background = columns.values()
    labels, inside, outside = np.asarray(label), _table(foreground), _table(background)
    hits, wrong = _above(inside), _above(outside)
    objects, grounds = inside.sum(1)[:, None], outside.sum(1)[:, None]
    total, count = _share(weights @ (grounds - wrong), weights @ (grounds + objects - hits))
    for one in np.unique(labels):
        of = labels == one
        share, there = _share(weights[:, of] @ hits[of], weights[:, of] @ (objects[of] + wrong[of]))
        total, count = total + share, count + there
    return np.asarray((total / np.maximum(count, 1)).max(1))


def _table(column: Sequence[Any]) -> Floats:
    """A column of lists, all of one length, as (n, k) float64."""
    return np.stack([np.asarray(one, np.float64) for one in column])


def _above(histogram: Floats) -> Floats:
    """(n, thresholds): pixels above each threshold."""
    return np.cumsum(histogram[:, ::-1], axis=1)[:, ::-1][:, 1:]


def _share(part: Floats, whole: Floats) -> tuple[Floats, Floats]:
    """part / whole, 0 where there is no whole, and whether there is one."""
    share = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share, (whole > 0).astype(np.float64)
