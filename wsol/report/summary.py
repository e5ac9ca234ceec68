"""From rows to numbers with intervals: everything a table, a plot or an export starts from. Never imports torch."""

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
from wsol.metrics.base import metrics
from wsol.options import build
from wsol.report.cells import Cell, cell_of
from wsol.report.localisation import ORACLE, VALIDATION, Subject, localisation, rows_of
from wsol.report.rows import columns_of, curves_of, gather, images_of, known, median, numbers, rank_depth
from wsol.report.same import same_rows
from wsol.stats.bootstrap import draw, draw_mean
from wsol.stats.resamples import Resamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol.metrics.base import Score
    from wsol.store import RunFolder

    Slices = Mapping[str, NDArray[np.bool_]]

__all__ = ["COSTS", "RESAMPLES", "Cell", "Settings", "Summary", "curves_of", "summarise"]

RESAMPLES = 1000  # bootstrap replicates; the interval's own noise is then about a tenth of its width
LONG = ("/boxes", "/box_breaks")  # columns that no number is made of, a third of the rows
COSTS = ("forwards", "backwards", "partial_forwards", "ms", "peak_mb")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How numbers are drawn from rows.

    Attributes
    ----------
    taus : where swept protocols take their threshold from: ``oracle`` (best on the images it is reported on),
        ``split-half`` (best on the other half), ``val`` (best on `validation`); several make several cells.
    by_class : resample whole classes: intervals for other classes, not just other images.
    """

    taus: Sequence[str] = (ORACLE,)
    validation: RunFolder | None = None
    n_resamples: int = RESAMPLES
    seed: int = 0
    by_class: bool = False

    @property
    def validation_name(self) -> str:
        return self.validation.name if self.validation else ""

    def resamples(self, rows: pa.Table) -> Resamples:
        """The same for every variant with the same images."""
        if self.by_class:
            return Resamples.of(rows["label"].to_numpy(), n_resamples=self.n_resamples, seed=self.seed)
        return Resamples(len(rows), self.n_resamples, self.seed)


@dataclass(frozen=True, slots=True)
class Summary:
    """All cells of a run, with what its rows and manifest say of the run.

    Attributes
    ----------
    looked_at : of how many images there are rows; fewer than the manifest's while the run goes on.
    same : from a variant to an earlier one whose rows are equal up to rounding: one method, twice.
    """

    cells: tuple[Cell, ...]
    variants: Mapping[str, Mapping[str, Any]]
    costs: Mapping[str, Mapping[str, float]]
    protocols: Mapping[str, Mapping[str, Any]]
    manifest: Mapping[str, Any]
    run: str
    looked_at: int
    same: Mapping[str, str] = field(default_factory=dict)

    def records(self) -> list[dict[str, Any]]:
        """One plain object a cell, as `wsol table --format json` prints them."""
        identity = self.manifest.get("identity", {})
        shared = {name: identity.get(name) for name in ("dataset", "model", "weights", "seed")}
        return [
            record(cell, self.variants[cell.variant], self.same.get(cell.variant, "")) | shared | {"run": self.run}
            for cell in self.cells
        ]


def record(cell: Cell, about: Mapping[str, Any], same_as: str = "") -> dict[str, Any]:
    """A cell as a plain object; unknown numbers are None, since JSON has no NaN."""
    return {
        "variant": about["id"],
        "method": about["method"],
        "layers": about["layers"],
        "options": about["options"],
        "protocol": cell.measure,
        "metric": cell.metric,
        "value": _finite(cell.value),
        "low": _finite(cell.low),
        "high": _finite(cell.high),
        "n": cell.n,
        "percent": cell.percent,
        "tau": list(cell.tau),
        "tau_from": cell.tau_from,
        "slice": cell.slice,
        "higher_is_better": cell.higher_is_better,
        "same_as": same_as,
    }


def summarise(
    folder: RunFolder,
    *,
    variants: Collection[str] | None = None,
    measures: Collection[str] | None = None,
    images: Collection[str] | None = None,
    slicer: Callable[[pa.Table], Slices] | None = None,
    settings: Settings | None = None,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
    by_class: bool = False,
) -> Summary:
    """Numbers of a run folder.

    Parameters
    ----------
    variants, measures, images : only these (variant keys; protocol and metric names; image ids).
    slicer : from a variant's rows to named masks over them: numbers of each part of the images instead of all.
    settings : everything else; `n_resamples`, `seed` and `by_class` alone will do for the usual table.
    """
    settings = settings or Settings(n_resamples=n_resamples, seed=seed, by_class=by_class)
    about = gather(folder.footers())
    tables = folder.tables(variants, without=LONG)
    if images is not None:
        wanted = pa.array(list(images), pa.string())
        tables = {key: t.filter(pc.is_in(t["image_id"], wanted)) for key, t in tables.items()}
    if not tables:
        raise DataError(f"run {folder.name} has no rows yet; start it with: wsol run")
    validation = settings.validation.tables(variants, without=LONG) if settings.validation else None
    protocols = {n: k for n, k in about["protocols"].items() if measures is None or n in measures}
    cells: list[Cell] = []
    unknown_metrics: set[str] = set()
    unchosen: dict[bool, list[str]] = {True: [], False: []}  # whose threshold can't be had from `validation`, and can
    for key, table in tables.items():
        for name, knobs in protocols.items():
            if f"{name}/iou" not in table.column_names:
                continue
            rows = rows_of(table, name)
            chosen_on = _validation_rows(validation, settings, key, name, knobs)
            if validation is not None and knobs["tau"] == "sweep":
                unchosen[chosen_on is None].append(f"{key} under {name}")
            subject = Subject(
                variant=key, protocol=name, knobs=knobs, rows=rows, validation=chosen_on, slices=_sliced(rows, slicer)
            )
            cells += localisation(subject, settings)
        for name, node in about["metrics"].items():
            if node["metric"] not in metrics:
                unknown_metrics.add(node["metric"])
            elif measures is None or name in measures:
                cells += _metric_cells(key, name, node, table, slicer, settings)
        cells += _classification(key, table, slicer, settings)
    if unchosen[True]:
        sentence = (
            f"run {settings.validation_name} has no rows of {unchosen[True][0]} to choose a threshold on "
            f"({len(unchosen[True])} of {len(unchosen[True]) + len(unchosen[False])} are missing); "
            "run the same methods and protocols on that split"
        )
        if not unchosen[False]:
            raise DataError(sentence)
        log.warning("%s", sentence)
    for name in sorted(unknown_metrics):
        log.warning("metric %s is not known here and left out; name its file: --with %s.py", name, name)
    costs = {key: {c: median(table, c) for c in COSTS} for key, table in tables.items()}
    kept = {key: about["variants"][key] for key in tables}
    same = same_rows(tables, kept, about["protocols"])
    looked_at = max(map(len, tables.values()))
    return Summary(tuple(cells), kept, costs, protocols, folder.manifest, folder.name, looked_at, same)


def _metric_cells(
    key: str,
    name: str,
    node: Mapping[str, Any],
    table: pa.Table,
    slicer: Callable[[pa.Table], Slices] | None,
    settings: Settings,
) -> list[Cell]:
    columns = [c for c in table.column_names if c.startswith(f"{name}/")]
    if not columns:
        return []
    rows = known(table, *columns)
    metric = build(metrics[node["metric"]], node.get("options", {}), where=f"metrics.{name}")
    cells = []
    for slice_, keep in _sliced(rows, slicer).items():
        part = rows if keep.all() else rows.filter(keep)
        for score in metric.scores if len(part) else ():
            cells += _score_cell(key, name, score, part, slice_, settings)
    return cells


def _score_cell(key: str, name: str, score: Score, rows: pa.Table, slice_: str, settings: Settings) -> list[Cell]:
    """The cell of one score, or none where no image has a value."""
    if score.column is not None:
        if f"{name}/{score.column}" not in rows.column_names:
            return []
        rows = known(rows, f"{name}/{score.column}")
        values = numbers(rows, f"{name}/{score.column}") if len(rows) else np.zeros(0)
        if not np.isfinite(values).all():
            rows, values = rows.filter(np.isfinite(values)), values[np.isfinite(values)]
        if not len(values):
            return []
        draws = draw_mean(values, settings.resamples(rows), bounded=score.proportion)
    else:
        columns = columns_of(rows, f"{name}/")
        draws = draw(lambda weights: score.of(columns, weights.astype(np.float64)), settings.resamples(rows))
        if math.isnan(draws.value):
            return []
    return [
        cell_of(
            draws,
            variant=key,
            measure=name,
            metric=score.name,
            label=score.label,
            percent=score.percent,
            higher_is_better=score.higher_is_better,
            slice_=slice_,
            images=images_of(rows),
            column=f"{name}/{score.column}" if score.column else "",
            signed=score.signed,
        )
    ]


def _classification(
    key: str, table: pa.Table, slicer: Callable[[pa.Table], Slices] | None, settings: Settings
) -> list[Cell]:
    """Top-1 and Top-5 accuracy from the rank that every row carries."""
    if "rank" not in table.column_names:
        return []
    rows = known(table, "rank")
    cells = []
    for slice_, keep in _sliced(rows, slicer).items():
        part = rows if keep.all() else rows.filter(keep)
        if not len(part):
            continue
        ranks, resamples, images = numbers(part, "rank"), settings.resamples(part), images_of(part)
        cells += [
            cell_of(
                draw_mean(ranks < top, resamples, bounded=True),
                variant=key,
                measure="classification",
                metric=metric,
                label=label,
                percent=True,
                higher_is_better=True,
                slice_=slice_,
                images=images,
            )
            for metric, label, top in (("top1_cls", "Top-1 Cls", 1), ("top5_cls", "Top-5 Cls", 5))
            if top <= rank_depth(rows)
        ]
    return cells


def _sliced(rows: pa.Table, slicer: Callable[[pa.Table], Slices] | None) -> Slices:
    return slicer(rows) if slicer is not None else {"": np.ones(len(rows), bool)}


def _validation_rows(
    tables: Mapping[str, pa.Table] | None, settings: Settings, key: str, name: str, knobs: Mapping[str, Any]
) -> pa.Table | None:
    if tables is None or VALIDATION not in settings.taus or knobs["tau"] != "sweep":
        return None
    table = tables.get(key)
    if table is None or f"{name}/iou" not in table.column_names:
        return None
    return rows_of(table, name)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
