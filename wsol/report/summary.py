"""From rows to numbers with intervals: everything a table, a plot or an export starts from. Never imports torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from wsol.errors import DataError
from wsol.metrics.base import metrics
from wsol.options import build
from wsol.stats.bootstrap import Draws, average, draw, draw_best, draw_mean
from wsol.stats.curves import Curves
from wsol.stats.intervals import LEVEL
from wsol.stats.resamples import Resamples
from wsol.store import RunFolder

RESAMPLES = 1000  # bootstrap replicates; the interval's own noise is then about a tenth of its width
COSTS = ("forwards", "backwards", "partial_forwards", "ms", "peak_mb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of one variant.

    Attributes
    ----------
    measure : the protocol or metric it comes from; `metric` the number's own name, `label` what tables call it.
    value, low, high : with `percent`, 0 to 100; else as defined (areas under deletion curves are 0 to 1).
    tau : the threshold(s) it was taken at, where there is one; `tau_from` says where that came from.
    draws : replicates for paired comparisons.
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
    draws: Draws | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Summary:
    """All cells of a run, with what its rows and manifest say of the run."""

    cells: tuple[Cell, ...]
    variants: Mapping[str, Mapping[str, Any]]
    costs: Mapping[str, Mapping[str, float]]
    protocols: Mapping[str, Mapping[str, Any]]
    manifest: Mapping[str, Any]
    run: str

    def records(self) -> list[dict[str, Any]]:
        """One plain object a cell, as `wsol table --format json` prints them."""
        out = []
        for cell in self.cells:
            about = self.variants[cell.variant]
            out.append(
                {
                    "variant": about["id"],
                    "method": about["method"],
                    "layers": about["layers"],
                    "options": about["options"],
                    "protocol": cell.measure,
                    "metric": cell.metric,
                    "value": cell.value,
                    "low": cell.low,
                    "high": cell.high,
                    "n": cell.n,
                    "tau": list(cell.tau),
                    "tau_from": cell.tau_from,
                    "higher_is_better": cell.higher_is_better,
                    "run": self.run,
                }
            )
        return out


def summarise(
    folder: RunFolder,
    *,
    variants: Collection[str] | None = None,
    measures: Collection[str] | None = None,
    keep: Callable[[pa.Table], np.ndarray[Any, Any]] | None = None,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
    by_class: bool = False,
) -> Summary:
    """Numbers of a run folder.

    Parameters
    ----------
    variants, measures : only these (variant keys; protocol and metric names).
    keep : from a variant's rows to a bool mask: a slice of the images.
    by_class : resample whole classes: intervals for other classes, not just other images.
    """
    about = _about(folder.footers())
    tables = {key: t for key, t in folder.tables().items() if variants is None or key in variants}
    if not tables:
        raise DataError(f"run {folder.name} has no rows yet; start it with: wsol run")
    cells: list[Cell] = []
    for key, table in tables.items():
        if keep is not None:
            table = table.filter(pa.array(keep(table)))
            if not len(table):
                continue
        for name, knobs in about["protocols"].items():
            if f"{name}/iou" in table.column_names and (measures is None or name in measures):
                rows = _known(table, f"{name}/iou")
                cells += localisation(key, name, knobs, rows, _resamples(rows, n_resamples, seed, by_class))
        for name, node in about["metrics"].items():
            if measures is None or name in measures:
                cells += _metric_cells(key, name, node, table, n_resamples, seed, by_class)
        cells += _classification(key, table, n_resamples, seed, by_class)
    costs = {key: {c: _median(table, c) for c in COSTS} for key, table in tables.items()}
    known = {key: about["variants"][key] for key in tables}
    return Summary(tuple(cells), known, costs, about["protocols"], folder.manifest, folder.name)


def localisation(
    variant: str, name: str, knobs: Mapping[str, Any], rows: pa.Table, resamples: Resamples
) -> list[Cell]:
    """MaxBoxAcc with its deltas, GT-known, Top-1 and Top-5 Loc of one variant under one protocol."""
    if not len(rows):
        return []
    curves = curves_of(rows, name, knobs)
    rank_column = f"{name}/rank" if f"{name}/rank" in rows.column_names else "rank"
    ranks = _numbers(rows, rank_column)
    ge, fixed = knobs["hit"] == "ge", knobs["tau"] != "sweep"
    known = ~np.isnan(ranks)
    masks = {"top1_loc": ranks < 1, "top5_loc": ranks < 5} if known.all() else {}
    by_delta = {d: draw_best(curves, d, resamples, masks=masks if d == 0.5 else None, ge=ge) for d in knobs["deltas"]}
    half = by_delta.get(0.5) or draw_best(curves, 0.5, resamples, masks=masks, ge=ge)
    cells: list[tuple[str, str, Draws]] = []
    if not fixed and knobs["headline"] == "at_50":
        cells.append(("maxboxacc", "MaxBoxAcc", half["maxboxacc"]))
    if not fixed and knobs["headline"] == "mean_over_deltas":
        cells.append(("maxboxacc_v2", "MaxBoxAccV2", average([d["maxboxacc"] for d in by_delta.values()])))
    if not fixed:
        cells += [(f"maxboxacc@{round(100 * d)}", f"@{d:g}", b["maxboxacc"]) for d, b in by_delta.items()]
    cells.append(("gt_known_loc", "GT-known Loc", half["maxboxacc"]))
    cells += [(key, label, half[key]) for key, label in (("top1_loc", "Top-1 Loc"), ("top5_loc", "Top-5 Loc")) if key in half]
    source = f"fixed {knobs['tau']:g}" if fixed else "best on these images"
    taus = [_tau_shown(t, knobs) for t in half["maxboxacc"].tau]
    out = [
        _cell(variant, name, metric, label, draws, percent=True, higher=True, tau_from=source, knobs=knobs)
        for metric, label, draws in cells
    ]
    if not fixed:
        out.append(
            Cell(
                variant=variant,
                measure=name,
                metric="best_tau",
                label="best tau",
                value=taus[0],
                low=taus[0],
                high=taus[0],
                n=len(rows),
                percent=False,
                higher_is_better=None,
                tau=tuple(taus),
                tau_from=source,
            )
        )
    return out


def curves_of(rows: pa.Table, name: str, knobs: Mapping[str, Any]) -> Curves:
    """The IoU curves of a protocol's rows; quantised ones on their grid of thresholds, so that the dense path is taken."""
    breaks, values = _flat(rows, f"{name}/breaks"), _flat(rows, f"{name}/iou")
    offsets = _offsets(rows, f"{name}/iou")
    if knobs["tau"] == "sweep" and knobs["quantise"] != "none":
        levels = len(np.arange(0, 1, knobs["tau_step"]))
        return Curves(np.rint(breaks / knobs["tau_step"]), values, offsets, levels)
    return Curves(breaks, values, offsets, None)


def _metric_cells(
    key: str, name: str, node: Mapping[str, Any], table: pa.Table, n_resamples: int, seed: int, by_class: bool
) -> list[Cell]:
    prefix = f"{name}/"
    columns = [c for c in table.column_names if c.startswith(prefix)]
    if not columns:
        return []
    rows = table.filter(_any_known(table, columns))
    if not len(rows):
        return []
    metric = build(metrics[node["metric"]], node.get("options", {}), where=f"metrics.{name}")
    plain = {c.removeprefix(prefix): rows[c].to_pylist() for c in columns}
    resamples = _resamples(rows, n_resamples, seed, by_class)
    cells = []
    for score in metric.scores:
        if score.column is not None:
            values = _numbers(rows, prefix + score.column)
            if np.isnan(values).all():
                continue
            draws = draw_mean(values, resamples, bounded=score.proportion)
        else:
            draws = draw(lambda weights, s=score: s.of(plain, weights.astype(np.float64)), resamples)  # type: ignore[misc]
        cells.append(
            _cell(key, name, score.name, score.label, draws, percent=score.percent, higher=score.higher_is_better)
        )
    return cells


def _classification(key: str, table: pa.Table, n_resamples: int, seed: int, by_class: bool) -> list[Cell]:
    if "rank" not in table.column_names:
        return []
    rows = _known(table, "rank")
    ranks = _numbers(rows, "rank")
    resamples = _resamples(rows, n_resamples, seed, by_class)
    return [
        _cell(key, "classification", metric, label, draw_mean(ranks < top, resamples, bounded=True), percent=True, higher=True)
        for metric, label, top in (("top1_cls", "Top-1 Cls", 1), ("top5_cls", "Top-5 Cls", 5))
    ]


def _cell(
    variant: str,
    measure: str,
    metric: str,
    label: str,
    draws: Draws,
    *,
    percent: bool,
    higher: bool | None,
    tau_from: str = "",
    knobs: Mapping[str, Any] | None = None,
) -> Cell:
    estimate = draws.estimate(level=LEVEL)
    scale = 100.0 if percent else 1.0
    return Cell(
        variant=variant,
        measure=measure,
        metric=metric,
        label=label,
        value=scale * estimate.value,
        low=scale * estimate.low,
        high=scale * estimate.high,
        n=estimate.n,
        percent=percent,
        higher_is_better=higher,
        tau=tuple(_tau_shown(t, knobs) for t in draws.tau) if knobs else (),
        tau_from=tau_from,
        draws=draws,
    )


def _tau_shown(position: float, knobs: Mapping[str, Any]) -> float:
    """A position of `curves_of` as a threshold in [0, 1)."""
    if knobs["tau"] != "sweep":
        return float(knobs["tau"])
    if knobs["quantise"] != "none":
        return float(np.arange(0, 1, knobs["tau_step"])[int(position)])
    return float(position)


def _about(footers: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    about: dict[str, dict[str, Any]] = {"variants": {}, "protocols": {}, "metrics": {}}
    for footer in footers:
        for part, known in about.items():
            known.update(footer.get(part, {}))
    return about


def _resamples(rows: pa.Table, n_resamples: int, seed: int, by_class: bool) -> Resamples:
    if by_class:
        return Resamples.of(rows["label"].to_numpy(), n_resamples=n_resamples, seed=seed)
    return Resamples(len(rows), n_resamples, seed)


def _known(table: pa.Table, column: str) -> pa.Table:
    return table.filter(table[column].is_valid())


def _any_known(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    known = np.zeros(len(table), bool)
    for column in columns:
        known |= table[column].is_valid().to_numpy()
    return pa.array(known)


def _numbers(table: pa.Table, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if v is None else v for v in table[column].to_pylist()], np.float64)


def _flat(rows: pa.Table, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(rows[column].combine_chunks().flatten(), np.float64)


def _offsets(rows: pa.Table, column: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    lengths = np.array([len(v) for v in rows[column].to_pylist()], np.int64)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _median(table: pa.Table, column: str) -> float:
    if column not in table.column_names:
        return float("nan")
    values = _numbers(table, column)
    return float(np.nanmedian(values)) if not np.isnan(values).all() else float("nan")
