"""From rows to numbers with intervals: everything a table, a plot or an export starts from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wsol.errors import DataError
from wsol.report.numbers.aliases import aliases, repeated
from wsol.report.numbers.averaged import averaged
from wsol.report.numbers.failures import Failures, failures, prepared
from wsol.report.numbers.lines import lines_of
from wsol.report.numbers.localization import ROW, localization
from wsol.report.numbers.metrics import has_reduction, learn_reductions, metric_cells, sliced
from wsol.report.numbers.quantity import Cell
from wsol.report.numbers.reading import COSTS, box_counts, columns_of_numbers, rows_to_compare
from wsol.report.numbers.records import records
from wsol.report.numbers.rows import (
    flat,
    measured_by,
    median,
    rows_of,
)
from wsol.report.numbers.settings import Settings
from wsol.report.numbers.subject import Subject, Validation
from wsol.runs.arrays import integers, texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.report.numbers.names import Measures
    from wsol.runs.folder import RunFolder
    from wsol.runs.row_files import RowFile
    from wsol.runs.schema import MetricInfo, ProtocolInfo, Quantity, RunInfo, VariantInfo

    Slices = Mapping[str, NDArray[np.bool_]]

__all__ = ["COSTS", "Cell", "Summary", "summarize"]

MOST_TRIVIAL = 5  # classes among which Top-5 is always right
CLASSES = "classification"  # the measure of the network's own numbers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All cells of a run, with what its rows and manifest say of the run.

    Attributes
    ----------
    variants, protocols, metrics : by key or name, those that were asked for.
    run, info : the folder's name, and what was evaluated.
    evaluated : of how many images there are rows; fewer than the manifest's while the run goes on.
    same : from a variant to an earlier one whose maps are equal up to rounding: one method, twice.
    alike : likewise where all that was measured is equal but too little to show that the maps are.
    repeated : of variants with one and the same map on most images, on how many.
    failures : of variants with failed images.
    timed_apart : whether some variants were added by a later command, so that milliseconds are of different runs.
    otherwise : the option by which numbers are not those of the protocols' own rules over all images; or empty.
    """

    cells: tuple[Cell, ...]
    variants: Mapping[str, VariantInfo]
    costs: Mapping[str, Mapping[str, float]]
    protocols: Mapping[str, ProtocolInfo]
    metrics: Mapping[str, MetricInfo]
    info: RunInfo
    manifest: Mapping[str, Any]
    run: str
    evaluated: int
    same: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)
    repeated: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, Failures] = field(default_factory=dict)
    timed_apart: bool = False
    otherwise: str = ""

    @property
    def measures(self) -> Measures:
        """All protocols and metrics by name."""
        return {**self.protocols, **self.metrics}

    def base_of(self, measure: str) -> str:
        """The preset that a protocol is derived from, or the metric whose options a measure's name tells."""
        if measure in self.protocols:
            return self.protocols[measure].preset
        return self.metrics[measure].key if measure in self.metrics else measure

    def records(self) -> list[dict[str, Any]]:
        """One plain object per cell, as `wsol table --format json` prints them."""
        return records(lines_of([self]))


def summarize(
    folder: RunFolder,
    *,
    variants: Collection[str] | None = None,
    measures: Collection[str] | None = None,
    images: Collection[str] | None = None,
    slicer: Callable[[pa.Table], Slices] | None = None,
    settings: Settings | None = None,
    **fields: Any,
) -> Summary:
    """Numbers of a run folder.

    Parameters
    ----------
    variants, measures, images : only these (variant keys; protocol and metric names; image ids).
    slicer : from a variant's rows to named masks over them: numbers of each part of the images instead of all.
    settings : how numbers are drawn; or `fields` of `Settings`.

    Raises
    ------
    DataError : there are no rows.
    """
    settings = settings or Settings(**fields)
    files, plain, skip = folder.files(), folder.about(), settings.skip_failed
    about = averaged(plain, settings.average)
    protocols = {n: p for n, p in about.protocols.items() if measures is None or n in measures}
    named = {name for name in about.metrics if measures is None or name in measures}
    asked = [q for q in about.quantities if q.measure in {*protocols, *named, CLASSES}]
    asked = [q for q in asked if q.main or not settings.main or q.measure == CLASSES]
    few = 0 < len(folder.manifest.get("class_names", [])) <= MOST_TRIVIAL
    columns = columns_of_numbers(about, files, asked, sliced=slicer is not None, classes=few)
    everything = folder.tables(variants, columns=columns, files=files)
    trivial = _trivial(folder, everything)
    asked = [q for q in asked if q not in trivial]
    stored = {key: t.append_column(ROW, integers(np.arange(len(t)))) for key, t in everything.items()}
    if images is not None:
        wanted = texts(list(images))
        stored = {key: t.filter(pc.is_in(t["image_id"], wanted)) for key, t in stored.items()}
    if not stored:
        raise DataError(f"run {folder.name} has no rows yet; start it with: wsol run")
    tables = {key: prepared(table, about, skip_failed=skip) for key, table in stored.items()}
    chosen_on = Validation.of(settings, about, variants, columns)
    others = [q for q in asked if q.measure not in protocols]
    learn_reductions([q for q in others if not has_reduction(q)], about)
    subjects = []
    for key, table in tables.items():
        for name, protocol in protocols.items():
            if measured_by(table, name) not in table.column_names:
                continue
            rows = rows_of(table, name)
            subjects.append(
                Subject(
                    variant=key,
                    protocol=protocol,
                    quantities=[q for q in asked if q.measure == name],
                    rows=rows,
                    validation=chosen_on.rows(key, protocol),
                    slices=sliced(rows, slicer),
                )
            )
    cells = localization(subjects, settings, lambda taus: box_counts(folder, files, taus))
    cells += [
        cell for key, table in tables.items() for q in others for cell in metric_cells(key, q, table, slicer, settings)
    ]
    chosen_on.check()
    for name in sorted({q.measure for q in others if not has_reduction(q)}):
        key = about.metrics[name].key
        log.warning("metric %s is not known here and left out; name its file: --with %s.py", name, key)
    kept = {key: about.variants[key] for key in tables}
    bad = {key: failures(table, skipped=skip) for key, table in stored.items()}
    one = aliases(tables, about, lambda keys: rows_to_compare(folder, files, tables, keys, skip_failed=skip))
    again = {key: repeated(table, kept[key]) for key, table in tables.items()}
    return Summary(
        cells=tuple(cells),
        variants=kept,
        costs={key: {c: median(table, c) for c in COSTS} for key, table in tables.items()},
        protocols=protocols,
        metrics={name: about.metrics[name] for name in about.metrics if name in named},
        info=about.run,
        manifest=folder.manifest,
        run=folder.name,
        evaluated=max(map(len, stored.values())),
        same=one.same,
        alike=one.alike,
        repeated={key: count for key, count in again.items() if count},
        failures={key: found for key, found in bad.items() if found is not None},
        timed_apart=_timed_apart(files, kept),
        otherwise=_otherwise(settings, averaged=about != plain, failed=any(bad.values())),
    )


def _otherwise(settings: Settings, *, averaged: bool, failed: bool) -> str:
    if averaged:
        return f"--average {settings.average}"
    if settings.by_class:
        return "--by-class"
    return "--skip-failed" if settings.skip_failed and failed else ""


def _trivial(folder: RunFolder, tables: Mapping[str, pa.Table]) -> set[Quantity]:
    """Top-5 of five or fewer classes, which holds for any prediction.

    A network may know more classes than the data set has: they are seen among its predictions.
    """
    classes = len(folder.manifest.get("class_names", []))
    if 0 < classes <= MOST_TRIVIAL:
        seen = [flat(table, "top").max(initial=-1) for table in tables.values() if "top" in table.column_names]
        classes = max(classes, 1 + int(max(seen, default=-1)))
    quantities = folder.about().quantities
    return {q for q in quantities if q.top not in (None, 1) and 0 < classes <= (q.top or 0)}


def _timed_apart(files: Sequence[RowFile], variants: Collection[str]) -> bool:
    """Whether the files of rows hold different variants: each command writes all of its own into one file."""
    timed = [file for file in files if "ms" in file.columns]  # mean maps are made without a network
    together = {frozenset(variant for variant, _ in file.footer.work) & set(variants) for file in timed}
    return len(together) > 1
