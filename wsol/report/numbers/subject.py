"""Whose localization numbers: a variant's rows under a protocol, and rows of another run to choose thresholds on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import DataError
from wsol.report.numbers.failures import prepared
from wsol.report.numbers.rows import hits_of, is_swept, measured_by, numbers, rank_depth, rows_of
from wsol.runs.arrays import chosen, numpy_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.report.numbers.quantity import TauFrom
    from wsol.report.numbers.settings import Settings
    from wsol.runs.schema import About, ProtocolInfo, Quantity
    from wsol.stats.hits import Hits

HALF = 0.5  # the IoU at which thresholds of everything but single deltas are chosen

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Validation:
    """The rows of another run that thresholds are chosen on, and whose were found there."""

    name: str
    tables: Mapping[str, pa.Table] | None
    found: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, settings: Settings, about: About, variants: Collection[str] | None, columns: Callable[[str], bool]
    ) -> Validation:
        if settings.validation is None or "val" not in settings.taus:
            return cls("", None)
        stored = settings.validation.tables(variants, columns=columns)
        tables = {key: prepared(table, about, skip_failed=settings.skip_failed) for key, table in stored.items()}
        return cls(settings.validation.name, tables)

    def rows(self, key: str, protocol: ProtocolInfo) -> pa.Table | None:
        """Those of a variant under a protocol; None where the threshold is fixed, or there are none."""
        if self.tables is None or not is_swept(protocol):
            return None
        table = self.tables.get(key)
        measured = table is not None and measured_by(table, protocol.name) in table.column_names
        (self.found if measured else self.missing).append(f"{key} under {protocol.name}")
        return rows_of(table, protocol.name) if table is not None and measured else None

    def check(self) -> None:
        """Log which rows were missing; raises DataError where all were."""
        if not self.missing:
            return
        sentence = (
            f"run {self.name} has no rows of {self.missing[0]} to choose a threshold on "
            f"({len(self.missing)} of {len(self.missing) + len(self.found)} are missing); "
            "run the same methods and protocols on that split"
        )
        if not self.found:
            raise DataError(sentence)
        log.warning("%s", sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose numbers: a variant's rows under a protocol, sliced or not.

    Attributes
    ----------
    quantities : what the protocol gives.
    rows : those that the protocol was evaluated on.
    validation : rows of the same variant in the run that thresholds are chosen on, or None.
    slices : masks over `rows` by name; ``{"": all}`` when there are none.
    """

    variant: str
    protocol: ProtocolInfo
    quantities: Sequence[Quantity]
    rows: pa.Table
    validation: pa.Table | None
    slices: Mapping[str, NDArray[np.bool_]]

    @property
    def name(self) -> tuple[str, str]:
        """Variant and protocol."""
        return self.variant, self.protocol.name

    @property
    def ge(self) -> bool:
        return bool(self.protocol.knobs["hit"] == "ge")

    @property
    def topk_ge(self) -> bool:
        """Whether IoU = delta counts for Top-1 and Top-5 Loc; one published code differs there."""
        rule = self.protocol.knobs["topk_hit"]
        return self.ge if rule == "same" else bool(rule == "ge")

    @property
    def by_class(self) -> bool:
        """Whether the mean is over classes, each the mean over its images."""
        return bool(self.protocol.knobs["average"] == "classes")

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(n,) classes that the mean is over; None for a mean over images."""
        return numpy_of(self.rows["label"]) if self.by_class else None

    @property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Whose class the network got right, in the protocol's own view; nothing for maps scored without a network."""
        ranked = f"{self.protocol.name}/rank"
        column = ranked if ranked in self.rows.column_names else "rank"
        if column not in self.rows.column_names:
            return {}
        ranks = numbers(self.rows, column)
        if np.isnan(ranks).any():
            return {}
        known_to = rank_depth(self.rows)
        return {q.key: ranks < q.top for q in self.quantities if q.top is not None and q.top <= known_to}

    @property
    def parts(self) -> Iterator[tuple[str, NDArray[np.bool_] | None, pa.Table]]:
        """Slices with any image: name, mask (None for all), and rows."""
        for name, keep in self.slices.items():
            if keep.all():
                yield name, None, self.rows
            elif keep.any():
                yield name, keep, chosen(self.rows, keep)

    def hits(self, delta: float, *, topk: bool = False) -> Hits:
        """Those at one delta; by the rule of Top-1 and Top-5 Loc with `topk`."""
        return hits_of(self.rows, self.protocol, delta, ge=self.topk_ge if topk else self.ge)

    def sources(self, settings: Settings) -> list[TauFrom | float]:
        """Where its threshold is to come from."""
        if not is_swept(self.protocol):
            return ["fixed"]
        return [tau for tau in settings.taus if tau != "val" or self.validation is not None]

    @property
    def deltas(self) -> list[float]:
        return sorted({HALF, *(delta for q in self.quantities for delta in q.deltas)})
