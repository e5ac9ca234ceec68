"""What reports are made of: a run's numbers, its rows, and its variants in the order of the table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from wsol.report.numbers.choose import Choice, headline, keys_of, ordered
from wsol.report.numbers.failures import prepared
from wsol.report.numbers.lines import Key, Line, lines_of
from wsol.report.numbers.rows import known
from wsol.report.numbers.settings import RESAMPLES, Settings
from wsol.report.numbers.summary import Summary, summarize

if TYPE_CHECKING:
    import pyarrow as pa

    from wsol.report.numbers.quantity import Cell
    from wsol.runs.folder import RunFolder
    from wsol.runs.schema import VariantInfo


@dataclass(frozen=True)
class ReportData:
    """A run, read once.

    Attributes
    ----------
    tables : a variant's rows by its key.
    """

    folder: RunFolder
    summary: Summary
    tables: Mapping[str, pa.Table]

    @classmethod
    def of(
        cls,
        folder: RunFolder,
        *,
        variants: Collection[str] | None = None,
        measures: Collection[str] | None = None,
        n_resamples: int = RESAMPLES,
        skip_failed: bool = False,
    ) -> ReportData:
        """Read a run, or only some of its variants and measures. Raises DataError where it has no rows."""
        settings = Settings(n_resamples=n_resamples, skip_failed=skip_failed)
        summary = summarize(folder, variants=variants, measures=measures, settings=settings)
        about, stored = folder.about(), folder.tables(variants)
        tables = {key: prepared(table, about, skip_failed=skip_failed) for key, table in stored.items()}
        return cls(folder, summary, tables)

    @cached_property
    def keys(self) -> list[Key]:
        """All columns of the table."""
        return keys_of(self._lines, self.summary.protocols, Choice(everything=True))

    @cached_property
    def main_keys(self) -> list[Key]:
        """The columns of the usual table."""
        return keys_of(self._lines, self.summary.protocols, Choice())

    @cached_property
    def headline(self) -> Key | None:
        """The column that the table is ordered by."""
        return headline(self.main_keys, self._lines)

    @cached_property
    def lines(self) -> list[Line]:
        """One per variant, the best first, controls last."""
        return ordered(self._lines, self.headline, Choice())

    @cached_property
    def variants(self) -> dict[str, VariantInfo]:
        """What is known of each variant by its key, in the order of the table."""
        # not by id: an outside method that was edited has rows under two keys
        keys = [next(iter(line.cells.values())).variant for line in self.lines]
        return {key: self.summary.variants[key] for key in keys}

    @cached_property
    def same(self) -> Mapping[str, str]:
        """From a variant to an equal one (`Summary.same`) that was evaluated on as many images or more."""
        pairs = self.summary.same.items()
        return {key: twin for key, twin in pairs if len(self.tables[twin]) >= len(self.tables[key])}

    def cell(self, variant: str, measure: str, metric: str) -> Cell | None:
        """One number of one variant."""
        return self._cells.get((variant, measure, metric))

    def of_protocol(self, protocol: str) -> Iterator[tuple[str, pa.Table]]:
        """Variants and those of their rows that a protocol was evaluated on."""
        for key in self.variants:
            table = self.tables[key]
            if f"{protocol}/iou" in table.column_names:
                rows = known(table, f"{protocol}/iou")
                if len(rows):
                    yield key, rows

    @cached_property
    def _lines(self) -> list[Line]:
        return lines_of([self.summary])

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str], Cell]:
        return {(c.variant, c.measure, c.metric): c for c in self.summary.cells}
