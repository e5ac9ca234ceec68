"""Accuracies as a share of what the ceiling of the same layers reaches on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import ConfigError
from wsol.report.numbers.lines import Key, Line
from wsol.report.numbers.quantity import Cell, cell_of
from wsol.stats.draws import Draws

if TYPE_CHECKING:
    from wsol.stats.resamples import Resamples


SUFFIX = "_of_reachable"  # of a number's key


def with_reachable(lines: Sequence[Line]) -> list[Line]:
    """The same lines, with a number behind the main accuracy of each protocol: its share of the ceiling's.

    Raises
    ------
    ConfigError : no line has a ceiling of its own run, slice and layers.
    """
    shared = where_reachable(lines)
    if all(line.cells == before.cells for line, before in zip(shared, lines, strict=True)):
        layers = next((str(line.fields.get("layers")) for line in lines if line.fields.get("layers")), "last")
        raise ConfigError(
            f"what is reachable is not known: no ceiling has the layers of another row; add oraclemap@{layers} to the "
            "methods of the run, and run the same command again"
        )
    return shared


def where_reachable(lines: Sequence[Line]) -> list[Line]:
    """`with_reachable`, but lines without a ceiling of their own stay as they are, be it all of them."""
    ceilings = {_place(line): line for line in lines if line.ceiling and line.fields.get("layers")}
    return [_with_shares(line, ceilings.get(_place(line))) for line in lines]


def shares_behind(keys: Sequence[Key]) -> list[Key]:
    """The same columns, each share of the ceiling's directly behind the number that it is a share of."""
    shares = {key for key in keys if key[1].endswith(SUFFIX)}
    placed: list[Key] = []
    for key in keys:
        behind = (key[0], key[1] + SUFFIX, key[2])
        placed += [] if key in shares else [key, behind] if behind in shares else [key]
    return placed


def _place(line: Line) -> tuple[str, ...]:
    return tuple(str(line.fields.get(name)) for name in ("run", "seed", "slice", "layers"))


def _with_shares(line: Line, ceiling: Line | None) -> Line:
    if ceiling is None or line.ceiling:
        return line
    cells: dict[Key, Cell] = {}
    for key, cell in line.cells.items():
        cells[key] = cell
        share = _share(cell, ceiling.cells.get(key))
        if share is not None:
            measure, metric, source = key
            cells[measure, metric + SUFFIX, source] = share
    return replace(line, cells=cells)


def _share(cell: Cell, top: Cell | None) -> Cell | None:
    """The cell of a ratio; None where it is not the main accuracy of a protocol, or not of the same images."""
    quantity = cell.quantity
    if top is None or cell.draws is None or top.draws is None or cell.images != top.images:
        return None
    if not (quantity.headline and quantity.reduction == "hits") or top.draws.value <= 0:
        return None
    ratio = _ratio(cell.draws, top.draws)
    return cell_of(
        ratio,
        variant=cell.variant,
        quantity=replace(
            quantity,
            key=quantity.key + SUFFIX,
            label="of reachable",
            headline=False,
            bounds=None,
            signed=ratio.value > 1,  # a ceiling is not a bound
            proportion=False,
        ),
        tau=cell.tau,
        tau_source=cell.tau_source,
        chosen_on=cell.chosen_on,
        own_rule=cell.own_rule,
        slice_=cell.slice,
        images=cell.images,
    )


def _ratio(of: Draws, to: Draws) -> Draws:
    """Both on the same resamples, so that what hits both alike cancels; the ceiling's threshold was never chosen.

    An image adds to the ratio what it adds to both numbers, to first order.
    """
    resamples: Resamples = of.resamples
    value, top = of.value / to.value, to.value
    replicates = np.divide(
        of.replicates, to.replicates, out=np.full(len(of.replicates), np.nan), where=to.replicates > 0
    )
    if of.influence is None or to.influence is None or value > 1:
        return Draws(value, replicates, None, resamples, part=of.part)
    influence = value + (of.influence - of.value) / top - value * (to.influence - to.value) / top
    contact = None if of.contact is None else of.contact / top
    return Draws(value, replicates, influence, resamples, contact, bounded=True, tau=of.tau, part=of.part)
