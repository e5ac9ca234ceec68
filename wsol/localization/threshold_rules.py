"""Thresholds that a map chooses by itself, without boxes: a protocol names one in its knob `tau` (``tau=otsu``).

A rule takes the final map of one image and splits its values in two: those at or below the split are background. All
rules give a threshold halfway between the two values beside the split, so it does not matter whether the protocol
compares with `>` or `>=`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.registry import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols._base import Protocol

# from the distinct values (v,) of a map, ascending, and their counts to how many of them are background, 1 to v - 1
Split = Callable[["NDArray[np.float64]", "NDArray[np.int64]"], int]
threshold_rules: Rules[Split] = Rules("threshold", lambda function: function)


@threshold_rules.rule("otsu")
def otsu(values: NDArray[np.float64], counts: NDArray[np.int64]) -> int:
    """The split with the largest variance between the two parts (Otsu, 1979); of equal ones the lowest.

    On grey levels it is OpenCV's THRESH_OTSU, which gScoreCAM's evaluation uses (anguyen8/gScoreCAM).
    """
    below, total = np.cumsum(counts)[:-1], counts.sum()
    mass = np.cumsum(values * counts)
    mean_below, mean_above = mass[:-1] / below, (mass[-1] - mass[:-1]) / (total - below)
    between = (below / total) * (1 - below / total) * (mean_above - mean_below) ** 2
    return 1 + int(np.argmax(between))


@threshold_rules.rule("mean")
def mean(values: NDArray[np.float64], counts: NDArray[np.int64]) -> int:
    """The map's own mean: what is above it is foreground (Chefer et al., CVPR 2021, for segmentation)."""
    average = float((values * counts).sum() / counts.sum())
    return int(np.clip((values <= average).sum(), 1, len(values) - 1))


def own_tau(map01: NDArray[Any], protocol: Protocol) -> float:
    """The threshold in [0, 1) at which a protocol with a fixed one cuts this final map, as a share of its maximum.

    Parameters
    ----------
    map01 : (H, W) as `final_map` gives it: floats, or grey levels where the protocol quantizes. A map of one value
        can't be split: it gets 0, as from OpenCV.
    """
    if not isinstance(protocol.tau, str):
        return protocol.tau
    if protocol.tau == "sweep":
        return 0.0
    values, counts = np.unique(np.asarray(map01, np.float64), return_counts=True)
    top = 255.0 if protocol.resize_uint8 else values[-1]
    if len(values) == 1 or top <= 0:
        return 0.0
    split = threshold_rules[protocol.tau](values, counts)
    return float(max((values[split - 1] + values[split]) / (2 * top), 0.0))
