"""MaxBoxAcc's threshold chosen on other images than those it is reported on.

The usual number chooses tau on the test split itself (an oracle). Here, with a single split, tau comes from one half
for the other half, both ways (handbook: protocols 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.stats.hits import Hits


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Hits at a threshold chosen elsewhere.

    Attributes
    ----------
    hits : (n,) bits, one per image of the reported split; fit for `paired_hits` and `draw_mean`.
    tau : the thresholds of the two halves.
    chosen_on : on how many images each was chosen.
    """

    hits: NDArray[np.bool_]
    tau: tuple[float, float]
    chosen_on: tuple[int, int]


def split_half(
    hits: Hits, *, seed: int = 0, weights: NDArray[np.float64] | None = None, counted: Hits | None = None
) -> HeldOut:
    """Hits of each half of the images at the threshold that is best on the other half; the halves follow from `seed`.

    Image i must be the same image in every variant, as for `Resamples`, so that variants are cut alike. `counted` are
    hits by another rule than the one that thresholds are chosen by.
    """
    n = hits.n
    w = np.ones(n) if weights is None else weights
    if n < 2:
        raise DataError(f"{n} image(s) can't be cut in halves; choose the threshold on a validation split")
    order = np.random.Generator(np.random.PCG64([seed, n])).permutation(n)
    halves = order[: n // 2], order[n // 2 :]
    bits = np.zeros(n, bool)
    tau = []
    for reported, other in (halves, halves[::-1]):
        tau.append(hits.take(other).best(w[other])[1])
        bits[reported] = (counted or hits).at(tau[-1])[reported]
    return HeldOut(bits, (tau[0], tau[1]), (len(halves[1]), len(halves[0])))
