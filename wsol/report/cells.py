"""One number with its interval: what tables, plots and exports are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.rows import tau_of
from wsol.stats.intervals import LEVEL

if TYPE_CHECKING:
    from wsol.stats.bootstrap import Draws


BOXES = "boxes"  # the metric that counts predicted boxes an image


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of one variant.

    Attributes
    ----------
    measure : the protocol or metric it comes from; `metric` the number's own name, `label` what tables call it.
    value, low, high : with `percent`, 0 to 100; else as defined (areas under deletion curves are 0 to 1).
    tau : the threshold(s) it was taken at, where there is one; `tau_from` says where that came from.
    slice : which part of the images, ``""`` for all.
    images : stands for the images and their order; cells with equal ones can be compared image by image.
    column : the column of the rows that it is the mean of, ``""`` where it is more than a mean.
    draws : replicates for paired comparisons.
    spread : standard deviation over seeds, where the number is a mean over `seeds` of them.
    """

    variant: str
    measure: str
    metric: str
    label: str
    value: float
    low: float
    high: float
    n: int
    percent: bool
    higher_is_better: bool | None
    tau: tuple[float, ...] = ()
    tau_from: str = ""
    slice: str = ""
    images: str = ""
    column: str = ""
    draws: Draws | None = field(default=None, repr=False, compare=False)
    spread: float = float("nan")
    seeds: int = 1

    @property
    def digits(self) -> int:
        """Decimals that tables show: three for what is at most 1."""
        return 1 if self.percent or self.metric == BOXES else 3


def cell_of(
    draws: Draws,
    *,
    variant: str,
    measure: str,
    metric: str,
    label: str,
    percent: bool,
    higher_is_better: bool | None,
    knobs: Mapping[str, Any] | None = None,
    tau_from: str = "",
    slice_: str = "",
    images: str = "",
    column: str = "",
    signed: bool = False,
) -> Cell:
    """The cell of a statistic's draws; `knobs` are those of its protocol, to write thresholds as shares.

    Intervals end where the number does: at 0 and 100 for percentages, unless they are `signed`.
    """
    estimate = draws.estimate(level=LEVEL)
    scale = 100.0 if percent else 1.0
    least, most = (0.0, 100.0) if percent and not signed else (0.0 if metric == BOXES else -np.inf, np.inf)
    return Cell(
        variant=variant,
        measure=measure,
        metric=metric,
        label=label,
        value=scale * estimate.value,
        low=float(np.clip(scale * estimate.low, least, most)),  # Student's interval of few images may reach beyond
        high=float(np.clip(scale * estimate.high, least, most)),
        n=estimate.n,
        percent=percent,
        higher_is_better=higher_is_better,
        tau=tuple(tau_of(t, knobs) for t in draws.tau) if knobs else (),
        tau_from=tau_from,
        slice=slice_,
        images=images,
        column=column,
        draws=draws,
    )
