"""MaxBoxAcc's threshold chosen on other images than those it is reported on.

The usual number chooses tau on the test split itself (an oracle). Here tau comes from a validation split, or, with a
single split, from one half for the other half, both ways (handbook: protocols 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import DataError
from wsol.stats.intervals import LEVEL, Estimate, proportion

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from wsol.stats.curves import Curves


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Hits at a threshold chosen elsewhere.

    Attributes
    ----------
    hits : (n,) bits, one an image of the reported split; fit for `paired_hits` and `draw_mean`.
    tau : the chosen threshold, or both of a split in halves.
    chosen_on : on how many images each was chosen.
    """

    hits: NDArray[np.bool_]
    tau: tuple[float, ...]
    chosen_on: tuple[int, ...]

    def estimate(self, *, level: float = LEVEL) -> Estimate:
        """Share of hits with Wilson's interval: of BoxAcc at this very tau, over samples of the reported split."""
        return proportion(self.hits, level=level)


def choose(curves: Curves, delta: float, *, weights: ArrayLike | None = None, ge: bool = True) -> float:
    """The first threshold that is best for these images, which may weigh differently."""
    return curves.best(delta, weights, ge=ge)[1]


def evaluate(curves: Curves, delta: float, tau: float, *, ge: bool = True) -> NDArray[np.bool_]:
    """(n,) which images are hits at threshold `tau`."""
    iou = curves.at(tau)
    return iou >= delta if ge else iou > delta


def held_out(curves: Curves, delta: float, *, chosen_on: Curves, ge: bool = True) -> HeldOut:
    """Hits on `curves` at the threshold that is best on the images of `chosen_on` (``tau_from=val``)."""
    if curves.levels != chosen_on.levels:
        raise DataError(f"curves with {curves.levels} and {chosen_on.levels} levels: use one protocol for both splits")
    tau = choose(chosen_on, delta, ge=ge)
    return HeldOut(evaluate(curves, delta, tau, ge=ge), (tau,), (chosen_on.n,))


def split_half(
    curves: Curves,
    delta: float,
    *,
    seed: int = 0,
    weights: NDArray[np.float64] | None = None,
    ge: bool = True,
    counted_ge: bool | None = None,
) -> HeldOut:
    """Hits of each half of the images at the threshold that is best on the other half; the halves follow from `seed`.

    Image i must be the same image in every variant, as for `Resamples`, so that variants are cut alike. `counted_ge` is
    for hits that are counted by another rule than the one that thresholds are chosen by.
    """
    w = np.ones(curves.n) if weights is None else weights
    if curves.n < 2:
        raise DataError(f"{curves.n} image(s) can't be cut in halves; choose the threshold on a validation split")
    order = np.random.Generator(np.random.PCG64([seed, curves.n])).permutation(curves.n)
    halves = order[: curves.n // 2], order[curves.n // 2 :]
    hits = np.zeros(curves.n, bool)
    tau = []
    for reported, other in (halves, halves[::-1]):
        tau.append(choose(curves.take(other), delta, weights=w[other], ge=ge))
        hits[reported] = evaluate(curves.take(reported), delta, tau[-1], ge=ge if counted_ge is None else counted_ge)
    return HeldOut(hits, (tau[0], tau[1]), (len(halves[1]), len(halves[0])))
