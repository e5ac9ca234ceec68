"""How the columns of all images become the numbers of a table, without torch and at any later time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wsol.stats import reductions

if TYPE_CHECKING:
    from wsol.stats.reductions import Reduction

SHARE = (0.0, 1.0)  # the bounds of a share


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number of a table, from the columns of all images.

    Attributes
    ----------
    name : what users type and what json shows, for example ``deletion_auc``; unique in its metric.
    label : the table's head: ``Deletion``.
    reduction : how columns become the number, by a name of `wsol.stats.reductions`; empty for a function `of` its own.
    columns : the names of the columns it takes; empty for all of the metric's.
    of : (columns, weights (r, n)) to (r,): the number under each of r weightings of the n images; NaN where undefined.
        Weights of one give the plain number, counts of a bootstrap draw give that replicate's. Columns hold only images
        that were measured, at least one. Given by `reduction` where there is one.
    percent : the number is a fraction that tables multiply by 100.
    higher_is_better : None where neither is.
    bounds : the lowest and highest value of the number, and of its column, as a fraction; None where there is none.
    signed : a percentage that may be below 0 or above 100; the intervals of others end there.
    proportion : the column holds 0 and 1 (ties may share a hit), so that Wilson's interval applies.
    """

    name: str
    label: str
    reduction: str = ""
    columns: tuple[str, ...] = ()
    of: Reduction = field(default=None, compare=False, repr=False)  # type: ignore[assignment]  # set below
    percent: bool = False
    higher_is_better: bool | None = True
    bounds: tuple[float, float] | None = None
    proportion: bool = False
    signed: bool = False

    def __post_init__(self) -> None:
        if self.reduction:
            object.__setattr__(self, "of", self._reduced)
        elif self.of is None:
            raise ValueError(f"score {self.name!r} needs reduction= or of=")

    @property
    def column(self) -> str | None:
        """The column whose mean it is, for paired tests and slices; None for pooled numbers."""
        return self.columns[0] if self.reduction == "mean" else None

    @property
    def worst(self) -> float | None:
        """The end of the bounds that a failed image counts as; None where there is none."""
        if self.bounds is None or self.higher_is_better is None:
            return None
        return self.bounds[0] if self.higher_is_better else self.bounds[1]

    def value(self, columns: Mapping[str, Sequence[Any]]) -> float:
        """The plain number: every image counts once."""
        n = len(next(iter(columns.values())))
        return float(self.of(columns, np.ones((1, n)))[0])

    def _reduced(self, columns: Mapping[str, Sequence[Any]], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return reductions.reduce(self.reduction, {name: columns[name] for name in self.columns}, weights)


def mean(
    column: str,
    *,
    label: str,
    name: str | None = None,
    percent: bool = False,
    higher_is_better: bool | None = True,
    bounds: tuple[float, float] | None = None,
    proportion: bool = False,
    signed: bool = False,
) -> Score:
    """The mean of a column over the images where it is defined; a proportion lies between 0 and 1."""
    return Score(
        name=name or column,
        label=label,
        reduction="mean",
        columns=(column,),
        percent=percent,
        higher_is_better=higher_is_better,
        bounds=SHARE if proportion and bounds is None else bounds,
        proportion=proportion,
        signed=signed,
    )
