"""The thresholds of a protocol at which rows hold hits. Light: rows' writers and protocols use it without numba."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from wsol.localization.normalize import normalize_rules, order_rules
from wsol.localization.quantize import quantize_rules
from wsol.localization.refine import refine_rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.protocols._base import Protocol


@lru_cache(maxsize=256)
def threshold_grid(protocol: Protocol) -> NDArray[np.float64] | None:
    """Thresholds that differ in what they cut off, ascending from 0; None where every float does.

    Of the 1000 thresholds of the 2020 protocol 255 are distinct, since the maximum is 255 after min-max; where it may
    be lower, all of them are kept. A fixed threshold is the one entry 0: its curves have one step.
    """
    if protocol.tau != "sweep" or refine_rules[protocol.refine].ignores_tau:
        return np.zeros(1)
    if quantize_rules[protocol.quantise].levels is None:
        return None
    taus: NDArray[np.float64] = np.arange(0, 1, protocol.tau_step)
    reaches_255 = normalize_rules[protocol.normalise].reaches_one and order_rules[protocol.order].normalizes_last
    if not reaches_255 or protocol.resize_uint8 or not quantize_rules[protocol.quantise].floors:
        return taus
    distinct: NDArray[np.float64] = taus[np.append(True, np.diff((taus * 255).astype(int)) > 0)]
    return distinct


def hit_deltas(protocol: Protocol) -> tuple[float, ...]:
    """The IoU thresholds of the column of hits: those of the protocol, and 0.5 for GT-known and Top-k Loc."""
    return tuple(sorted({*protocol.deltas, 0.5}))
