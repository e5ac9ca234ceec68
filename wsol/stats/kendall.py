"""How far two rankings of the same things agree: Kendall's tau-b (Kendall, 1945), and its bootstrap interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wsol.stats.intervals import LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray


def kendall_tau(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...,) in [-1, 1], of values (..., v) of the same v things: 1 where they stand in one order.

    Pairs that are tied on both sides or on one count as in tau-b. NaN where all things are tied on a side.
    """
    above = np.triu_indices(first.shape[-1], 1)
    a, b = (np.sign(values[..., above[0]] - values[..., above[1]]) for values in (first, second))
    pairs = np.sqrt((a != 0).sum(-1) * (b != 0).sum(-1).astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(-1) / pairs)


def tau_interval(
    first: NDArray[np.float64], second: NDArray[np.float64], *, level: float = LEVEL
) -> tuple[float, float]:
    """Percentiles of tau over (b, v) bootstrap replicates of the values of v things, drawn together for all.

    Replicates are noisier than the sample, so taus near 1 are biased downward: the interval may end below its tau.
    NaN where no replicate has a tau.
    """
    taus = kendall_tau(first, second)
    known = taus[np.isfinite(taus)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
