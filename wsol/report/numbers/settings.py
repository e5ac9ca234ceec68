"""How numbers are drawn from rows: thresholds, resamples, and what counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsol.runs.arrays import numpy_of
from wsol.stats.resamples import Resamples

if TYPE_CHECKING:
    import pyarrow as pa

    from wsol.report.numbers.quantity import TauFrom
    from wsol.runs.folder import RunFolder
    from wsol.runs.schema import Average

RESAMPLES = 1000  # bootstrap replicates; the interval's own noise is then about a tenth of its width


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How numbers are drawn from rows.

    Attributes
    ----------
    taus : where swept protocols take their threshold from: ``oracle`` (best on the images it is reported on),
        ``split-half`` (best on the other half), ``val`` (best on `validation`), ``per-image`` (best of each image
        alone), or one of the reader's own in [0, 1), the same for all images; several make several cells.
    by_class : resample whole classes: intervals for other classes, not just other images.
    skip_failed : leave failed images out; else they count as the worst value there is.
    average : of accuracies, over ``images`` or ``classes``, whatever their protocols say; None for what they say.
    main : only the numbers of the usual table; others cost as much time again.
    """

    taus: Sequence[TauFrom | float] = ("oracle",)
    validation: RunFolder | None = None
    n_resamples: int = RESAMPLES
    seed: int = 0
    by_class: bool = False
    skip_failed: bool = False
    average: Average | None = None
    main: bool = False

    @property
    def validation_name(self) -> str:
        return self.validation.name if self.validation else ""

    def resamples(self, rows: pa.Table) -> Resamples:
        """The same for every variant with the same images."""
        if self.by_class:
            return Resamples.of(numpy_of(rows["label"]), n_resamples=self.n_resamples, seed=self.seed)
        return Resamples(len(rows), self.n_resamples, self.seed)
