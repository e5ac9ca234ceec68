"""Localization numbers of one variant under one protocol, with the threshold from where the reader wants it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from wsol.errors import DataError
from wsol.report.numbers.failures import prepared, without_value
from wsol.report.numbers.quantity import Cell, cell_of, without_number
from wsol.report.numbers.rows import (
    boxes_of,
    curves_of,
    images_of,
    is_swept,
    numbers,
    own_rule,
    rank_depth,
    rows_of,
    tau_of,
)
from wsol.stats.bootstrap import Draws, average, class_weights, draw_best, draw_class_mean, draw_mean
from wsol.stats.heldout import choose, evaluate, split_half

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.report.numbers.quantity import TauFrom
    from wsol.report.numbers.summary import Settings
    from wsol.runs.schema import About, ProtocolInfo, Quantity
    from wsol.stats.curves import Curves

ALL = "maxboxacc"  # what `draw_best` calls the hits of all images, beside the names of masks
LONG = ("/boxes", "/box_breaks")  # columns that no number is made of, a third of the rows
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
    def of(cls, settings: Settings, about: About, variants: Collection[str] | None) -> Validation:
        if settings.validation is None or "val" not in settings.taus:
            return cls("", None)
        stored = settings.validation.tables(variants, without=LONG)
        tables = {key: prepared(table, about, skip_failed=settings.skip_failed) for key, table in stored.items()}
        return cls(settings.validation.name, tables)

    def rows(self, key: str, protocol: ProtocolInfo) -> pa.Table | None:
        """Those of a variant under a protocol; None where the threshold is fixed, or there are none."""
        if self.tables is None or not is_swept(protocol):
            return None
        table = self.tables.get(key)
        measured = table is not None and f"{protocol.name}/iou" in table.column_names
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
    def deltas(self) -> list[float]:
        return sorted({HALF, *(delta for q in self.quantities for delta in q.deltas)})


def localization(subject: Subject, settings: Settings) -> list[Cell]:
    """MaxBoxAcc with its deltas, GT-known, Top-1 and Top-5 Loc, for every source of the threshold asked for."""
    if not len(subject.rows):
        return []
    curves = curves_of(subject.rows, subject.protocol)
    masks = _class_masks(subject)
    cells: list[Cell] = []
    taus: list[TauFrom] = ["fixed"]
    if is_swept(subject.protocol):
        taus = [tau for tau in settings.taus if tau != "val" or subject.validation is not None]
    for source in taus:
        held: dict[float, Held] = {}
        for name, keep in subject.slices.items():
            if not keep.any():
                continue
            part = subject.rows if keep.all() else subject.rows.filter(keep)
            by_delta: dict[float, Mapping[str, Draws]] = {}
            for delta in subject.deltas:
                wanted = masks if delta == HALF else {}  # only those are reported
                if source == "oracle":
                    by_delta[delta] = draw_best(
                        curves,
                        delta,
                        settings.resamples(subject.rows),
                        masks=wanted,
                        ge=subject.ge,
                        masks_ge=subject.topk_ge,
                        labels=subject.rows["label"].to_numpy() if subject.by_class else None,
                        part=None if keep.all() else keep,  # at the threshold of all: a slice's own would flatter it
                    )
                    continue
                if delta not in held:
                    held[delta] = _held(subject, curves, delta, source, settings)
                by_delta[delta] = _draws(held[delta], wanted, keep, part, settings, by_class=subject.by_class)
            cells += _accuracies(subject, by_delta, part, source, settings.validation_name, name)
            if source in ("oracle", "fixed") and not name:
                cells += _at_best(subject, by_delta[HALF][ALL], source, settings)
    return cells


@dataclass(frozen=True, slots=True)
class Held:
    """Hits of all images at a threshold that stays as it is: for MaxBoxAcc, and for Top-1 and Top-5 Loc."""

    hits: NDArray[np.bool_]
    topk: NDArray[np.bool_]
    tau: tuple[float, ...]


def _held(subject: Subject, curves: Curves, delta: float, source: TauFrom, settings: Settings) -> Held:
    """Hits at a fixed threshold, at one that was chosen on other images, or at each image's own best one."""
    if source == "per-image":
        best = curves.tops()
        alone, counted = (best >= delta if rule else best > delta for rule in (subject.ge, subject.topk_ge))
        return Held(alone, counted, ())
    ge, weights = subject.ge, class_weights(subject.rows["label"].to_numpy()) if subject.by_class else None
    if source == "split-half":
        halves, topk = (
            split_half(curves, delta, seed=settings.seed, weights=weights, ge=ge, counted_ge=rule)
            for rule in (ge, subject.topk_ge)
        )
        return Held(halves.hits, topk.hits, halves.tau)
    if source != "val":
        tau = choose(curves, delta, weights=weights, ge=ge)
    else:
        assert subject.validation is not None
        other = curves_of(subject.validation, subject.protocol)
        weights = class_weights(subject.validation["label"].to_numpy()) if subject.by_class else None
        tau = choose(other, delta, weights=weights, ge=ge)
    return Held(evaluate(curves, delta, tau, ge=ge), evaluate(curves, delta, tau, ge=subject.topk_ge), (tau,))


def _draws(
    held: Held,
    masks: Mapping[str, NDArray[np.bool_]],
    keep: NDArray[np.bool_],
    part: pa.Table,
    settings: Settings,
    *,
    by_class: bool,
) -> dict[str, Draws]:
    """Draws of the share of hits, and of hits under `masks`, among the images to `keep`."""
    bits = {ALL: held.hits} | {name: held.topk & mask for name, mask in masks.items()}
    resamples = settings.resamples(part)
    if by_class:
        drawn = {name: draw_class_mean(bit[keep], part["label"].to_numpy(), resamples) for name, bit in bits.items()}
    else:
        drawn = {name: draw_mean(bit[keep], resamples, bounded=True) for name, bit in bits.items()}
    return {name: replace(draws, tau=held.tau) for name, draws in drawn.items()}


def _accuracies(
    subject: Subject,
    by_delta: Mapping[float, Mapping[str, Draws]],
    part: pa.Table,
    source: TauFrom,
    chosen_on: str,
    slice_: str,
) -> list[Cell]:
    images, cells = images_of(part), []
    for quantity in subject.quantities:
        name = quantity.key if quantity.top else ALL
        if quantity.reduction != "hits" or name not in by_delta[quantity.deltas[0]]:
            continue
        parts = [by_delta[delta][name] for delta in quantity.deltas]
        draws = average(parts) if len(parts) > 1 else parts[0]
        cells.append(
            cell_of(
                draws,
                variant=subject.variant,
                quantity=quantity,
                tau=() if own_rule(subject.protocol) else tuple(tau_of(t, subject.protocol) for t in draws.tau),
                tau_source=source,
                chosen_on=chosen_on if source == "val" else "",
                own_rule=own_rule(subject.protocol),
                slice_=slice_,
                images=images,
            )
        )
    return cells


def _at_best(subject: Subject, best: Draws, source: TauFrom, settings: Settings) -> list[Cell]:
    """The best threshold itself, and how many boxes per image it leaves where a protocol counts several."""
    tau, rows, images = tau_of(best.tau[0], subject.protocol), subject.rows, images_of(subject.rows)
    cells = []
    for quantity in subject.quantities:
        if quantity.reduction == "best_tau":
            cells.append(
                Cell(
                    variant=subject.variant,
                    quantity=quantity,
                    value=tau,
                    low=tau,
                    high=tau,
                    n=len(rows),
                    tau=(tau,),
                    tau_source=source,
                    images=images,
                )
            )
        column = f"{subject.protocol.name}/count"
        if quantity.reduction != "boxes" or column not in rows.column_names:
            continue
        if bad := without_value(rows, quantity, [column]):
            cells.append(without_number(subject.variant, quantity, n=len(rows), failed=bad))
        elif not rows[column].null_count:
            draws = draw_mean(
                boxes_of(rows, subject.protocol.name, tau if np.isfinite(tau) else 0.0), settings.resamples(rows)
            )
            cells.append(
                cell_of(
                    draws,
                    variant=subject.variant,
                    quantity=quantity,
                    tau=(tau,) if np.isfinite(tau) else (),
                    tau_source=source,
                    own_rule=own_rule(subject.protocol),
                    images=images,
                )
            )
    return cells


def _class_masks(subject: Subject) -> dict[str, NDArray[np.bool_]]:
    """Whose class the network got right, in the protocol's own view; nothing for maps scored without a network."""
    ranked = f"{subject.protocol.name}/rank"
    column = ranked if ranked in subject.rows.column_names else "rank"
    if column not in subject.rows.column_names:
        return {}
    ranks = numbers(subject.rows, column)
    if np.isnan(ranks).any():
        return {}
    known_to = rank_depth(subject.rows)
    return {q.key: ranks < q.top for q in subject.quantities if q.top is not None and q.top <= known_to}
