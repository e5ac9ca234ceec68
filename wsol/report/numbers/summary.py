"""From rows to numbers with intervals: everything a table, a plot or an export starts from."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wsol.errors import DataError
from wsol.registry import load_plugin
from wsol.report.numbers.aliases import aliases, repeated
from wsol.report.numbers.averaged import averaged
from wsol.report.numbers.failures import Failures, failed, failures, prepared, without_value, worst_of
from wsol.report.numbers.lines import lines_of
from wsol.report.numbers.localization import ROW, localization
from wsol.report.numbers.quantity import Cell, cell_of, without_number
from wsol.report.numbers.reading import COSTS, box_counts, columns_of_numbers, rows_to_compare
from wsol.report.numbers.records import records
from wsol.report.numbers.rows import (
    columns_of,
    flat,
    images_of,
    known,
    measured_by,
    median,
    numbers,
    rank_depth,
    rows_of,
)
from wsol.report.numbers.subject import Subject, Validation
from wsol.runs.arrays import chosen, integers, is_known, numpy_of, texts
from wsol.stats import reductions
from wsol.stats.bootstrap import draw, draw_mean
from wsol.stats.resamples import Resamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.report.numbers.names import Measures
    from wsol.report.numbers.quantity import TauFrom
    from wsol.runs.folder import RunFolder
    from wsol.runs.row_files import RowFile
    from wsol.runs.schema import About, Average, MetricInfo, ProtocolInfo, Quantity, RunInfo, VariantInfo

    Slices = Mapping[str, NDArray[np.bool_]]

__all__ = ["COSTS", "RESAMPLES", "Cell", "Settings", "Summary", "summarize"]

RESAMPLES = 1000  # bootstrap replicates; the interval's own noise is then about a tenth of its width
MOST_TRIVIAL = 5  # classes among which Top-5 is always right
CLASSES = "classification"  # the measure of the network's own numbers

log = logging.getLogger(__name__)


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
    _learn_reductions([q for q in others if not _is_known(q)], about)
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
                    slices=_sliced(rows, slicer),
                )
            )
    cells = localization(subjects, settings, lambda taus: box_counts(folder, files, taus))
    cells += [cell for key, table in tables.items() for q in others for cell in _cells(key, q, table, slicer, settings)]
    chosen_on.check()
    for name in sorted({q.measure for q in others if not _is_known(q)}):
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


def _cells(
    key: str,
    quantity: Quantity,
    table: pa.Table,
    slicer: Callable[[pa.Table], Slices] | None,
    settings: Settings,
) -> list[Cell]:
    """The cells of a quantity of each image or of all together, one per slice in which images have a value."""
    prefix = f"{quantity.measure}/"
    if quantity.reduction == "rank":
        columns = ["rank"]
    elif quantity.columns:
        columns = [f"{prefix}{column}" for column in quantity.columns]
    else:
        columns = [column for column in table.column_names if column.startswith(prefix)]
    columns = [column for column in columns if column in table.column_names]
    if not columns or not _is_known(quantity):
        return []
    bad = failed(table, quantity.measure)
    measured = np.any([is_known(table[c]) for c in columns], axis=0) | bad
    rows = chosen(table, measured)
    cells = []
    for slice_, keep in _sliced(rows, slicer).items():
        part = chosen(rows, keep)
        if lost := without_value(part, quantity, columns):
            cells.append(without_number(key, quantity, n=len(part), failed=lost, slice_=slice_))
        elif len(part):
            cells += _cell(key, quantity, part, columns, slice_, settings)
    return cells


def _cell(
    key: str, quantity: Quantity, rows: pa.Table, columns: Sequence[str], slice_: str, settings: Settings
) -> list[Cell]:
    """One cell, or none where no image has a value."""
    not_finite = 0
    if quantity.reduction in ("mean", "rank"):
        rows = known(rows, *columns)
        values = numbers(rows, columns[0]) if len(rows) else np.zeros(0)
        bad = ~np.isfinite(values)
        if bad.any() and settings.skip_failed:
            rows, values, bad = chosen(rows, ~bad), values[~bad], bad[~bad]
        if bad.any():
            worst = worst_of(quantity)
            if worst is None:
                return [without_number(key, quantity, n=len(rows), failed=int(bad.sum()), slice_=slice_)]
            values = np.where(bad, worst, values)
        if quantity.top is not None:
            if quantity.top > rank_depth(rows):
                return []
            values = (values < quantity.top).astype(float)
        if not len(values):
            return []
        not_finite = int(bad.sum())
        draws = draw_mean(values, settings.resamples(rows), bounded=quantity.proportion, bounds=quantity.bounds)
    else:
        columns_read = columns_of(rows, f"{quantity.measure}/")
        columns_read = {name: columns_read[name] for name in quantity.columns or columns_read}
        draws = draw(
            lambda weights: reductions.reduce(quantity.reduction, columns_read, weights.astype(np.float64)),
            settings.resamples(rows),
            bounds=quantity.bounds,
        )
        if math.isnan(draws.value):
            return []
    return [
        cell_of(draws, variant=key, quantity=quantity, slice_=slice_, images=images_of(rows), not_finite=not_finite)
    ]


def _learn_reductions(unknown: Sequence[Quantity], about: About) -> None:
    """Ask metrics from outside the package, where they are at hand, how their columns become numbers."""
    for name in dict.fromkeys(quantity.measure for quantity in unknown):
        info = about.metrics[name]
        load_plugin("metric", info.key)
        reductions.learn(name, info.key, info.options)


def _is_known(quantity: Quantity) -> bool:
    return quantity.reduction in ("mean", "rank") or reductions.is_known(quantity.reduction)


def _sliced(rows: pa.Table, slicer: Callable[[pa.Table], Slices] | None) -> Slices:
    return slicer(rows) if slicer is not None else {"": np.ones(len(rows), bool)}


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
