"""Numbers of metrics: means over images, and what is computed of all images together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from wsol.registry import load_plugin
from wsol.report.numbers.failures import failed, without_value, worst_of
from wsol.report.numbers.quantity import Cell, cell_of, without_number
from wsol.report.numbers.rows import columns_of, images_of, known, numbers, rank_depth
from wsol.runs.arrays import chosen, is_known
from wsol.stats import reductions
from wsol.stats.bootstrap import draw, draw_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.report.numbers.settings import Settings
    from wsol.runs.schema import About, Quantity

    Slices = Mapping[str, NDArray[np.bool_]]


def metric_cells(
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
    if not columns or not has_reduction(quantity):
        return []
    bad = failed(table, quantity.measure)
    measured = np.any([is_known(table[c]) for c in columns], axis=0) | bad
    rows = chosen(table, measured)
    cells = []
    for slice_, keep in sliced(rows, slicer).items():
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


def learn_reductions(unknown: Sequence[Quantity], about: About) -> None:
    """Ask metrics from outside the package, where they are at hand, how their columns become numbers."""
    for name in dict.fromkeys(quantity.measure for quantity in unknown):
        info = about.metrics[name]
        load_plugin("metric", info.key)
        reductions.learn(name, info.key, info.options)


def has_reduction(quantity: Quantity) -> bool:
    """Whether it is known how a quantity comes of its columns."""
    return quantity.reduction in ("mean", "rank") or reductions.is_known(quantity.reduction)


def sliced(rows: pa.Table, slicer: Callable[[pa.Table], Slices] | None) -> Slices:
    """Masks over rows by name; ``{"": all}`` without a slicer."""
    return slicer(rows) if slicer is not None else {"": np.ones(len(rows), bool)}
