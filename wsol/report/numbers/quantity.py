"""One number with its interval: what tables, plots and exports are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from wsol.stats.intervals import LEVEL

if TYPE_CHECKING:
    from wsol.runs.schema import Quantity
    from wsol.stats.bootstrap import Draws

    TauFrom = Literal["oracle", "split-half", "val", "per-image", "fixed", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of one variant.

    Attributes
    ----------
    quantity : what it is; value, low, high : with `percent`, 0 to 100, else in its own unit.
    tau : the threshold(s) it was taken at, where there is one; `tau_source` says where that came from: fixed by the
        protocol or by the reader, best on these images (``oracle``), on their other half, or on those of the run
        `chosen_on`, or for each image on its own (``per-image``). It is empty where the protocol's rule `own_rule`
        gives each map its own.
    slice : which part of the images, ``""`` for all.
    images : stands for the images and their order; cells with equal ones can be compared image by image.
    failed : images that failed and for which the quantity has no worst value: then there is no number.
    not_finite : values that are NaN or infinite and count as the worst value.
    draws : replicates for paired comparisons.
    spread : standard deviation over seeds, where the number is a mean over `seeds` of them.
    """

    variant: str
    quantity: Quantity
    value: float
    low: float
    high: float
    n: int
    tau: tuple[float, ...] = ()
    tau_source: TauFrom = ""
    chosen_on: str = ""
    own_rule: str = ""
    slice: str = ""
    images: str = ""
    failed: int = 0
    not_finite: int = 0
    draws: Draws | None = field(default=None, repr=False, compare=False)
    spread: float = float("nan")
    seeds: int = 1

    @property
    def measure(self) -> str:
        """The protocol or metric it comes from."""
        return self.quantity.measure

    @property
    def metric(self) -> str:
        """The number's own name."""
        return self.quantity.key

    @property
    def label(self) -> str:
        """What tables call it: MaxBoxAcc at a threshold that is not the best one is BoxAcc (Choe et al., 2020, 4)."""
        return self.quantity.label.removeprefix("Max") if self.tau_source == "fixed" else self.quantity.label

    @property
    def percent(self) -> bool:
        return self.quantity.percent

    @property
    def higher_is_better(self) -> bool | None:
        return self.quantity.higher_is_better

    @property
    def digits(self) -> int:
        """Decimals that tables show: three for what is at most 1."""
        return 1 if self.quantity.unit in ("percent", "count") else 3

    @property
    def origin(self) -> str:
        """`tau_source`, or the threshold itself where it is a fixed one: what sets the columns of a measure apart."""
        return f"{self.tau[0]:g}" if self.tau_source == "fixed" and self.tau else self.tau_source

    @property
    def tau_from(self) -> str:
        """`tau_source` in words."""
        return {
            "oracle": f"best on {'all' if self.slice else 'these'} images",
            "split-half": "best on the other half of the images",
            "val": f"best on {self.chosen_on}",
            "per-image": "best of each image alone, by its ground truth",
            "fixed": self.own_rule or (f"fixed {self.tau[0]:g}" if self.tau else ""),
            "": "",
        }[self.tau_source]


def cell_of(
    draws: Draws,
    *,
    variant: str,
    quantity: Quantity,
    tau: tuple[float, ...] = (),
    tau_source: TauFrom = "",
    chosen_on: str = "",
    own_rule: str = "",
    slice_: str = "",
    images: str = "",
    not_finite: int = 0,
) -> Cell:
    """The cell of a statistic's draws.

    Intervals end where the number does: at its bounds, or at 0 and 100 for percentages unless they are signed, and at 0
    for counts.
    """
    estimate = draws.estimate(level=LEVEL)
    scale = 100.0 if quantity.percent else 1.0
    least, most = (0.0, 100.0) if quantity.percent and not quantity.signed else (-np.inf, np.inf)
    least = 0.0 if quantity.unit == "count" else least
    if quantity.bounds:
        least, most = (scale * end for end in quantity.bounds)
    return Cell(
        variant=variant,
        quantity=quantity,
        value=scale * estimate.value,
        low=float(np.clip(scale * estimate.low, least, most)),  # Student's interval of few images may reach beyond
        high=float(np.clip(scale * estimate.high, least, most)),
        n=estimate.n,
        tau=tau,
        tau_source=tau_source,
        chosen_on=chosen_on,
        own_rule=own_rule,
        slice=slice_,
        images=images,
        not_finite=not_finite,
        draws=draws,
    )


def without_number(variant: str, quantity: Quantity, *, n: int, failed: int, slice_: str = "") -> Cell:
    """The cell of a quantity that failed images leave without a value."""
    nan = float("nan")
    return Cell(variant=variant, quantity=quantity, value=nan, low=nan, high=nan, n=n, slice=slice_, failed=failed)
