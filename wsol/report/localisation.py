"""Localization numbers of one variant under one protocol, with the threshold from where the reader wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.cells import BOXES, Cell, cell_of
from wsol.report.rows import boxes_of, curves_of, images_of, known, numbers, rank_depth, tau_of
from wsol.stats.bootstrap import Draws, average, class_weights, draw_best, draw_class_mean, draw_mean
from wsol.stats.heldout import choose, evaluate, split_half

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.report.summary import Settings
    from wsol.stats.curves import Curves

ORACLE, SPLIT_HALF, VALIDATION = "oracle", "split-half", "val"
SAID = {
    ORACLE: "best on these images",
    SPLIT_HALF: "best on the other half of the images",
}
ON_ALL = "best on all images"  # of a slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose numbers: a variant's rows under a protocol, sliced or not.

    Attributes
    ----------
    rows : those that the protocol was evaluated on.
    validation : rows of the same variant in the run that thresholds are chosen on, or None.
    slices : masks over `rows` by name; ``{"": all}`` when there are none.
    """

    variant: str
    protocol: str
    knobs: Mapping[str, Any]
    rows: pa.Table
    validation: pa.Table | None
    slices: Mapping[str, NDArray[np.bool_]]

    @property
    def ge(self) -> bool:
        return bool(self.knobs["hit"] == "ge")

    @property
    def topk_ge(self) -> bool:
        """Whether IoU = delta counts for Top-1 and Top-5 Loc; one published code differs there."""
        rule = self.knobs.get("topk_hit", "same")
        return self.ge if rule == "same" else bool(rule == "ge")

    @property
    def by_class(self) -> bool:
        """Whether the mean is over classes, each the mean over its images."""
        return bool(self.knobs.get("average", "images") != "images")

    @property
    def plain(self) -> bool:
        """Whether a threshold can be chosen again in every resample: all images count alike, by one rule."""
        return not self.by_class and self.topk_ge == self.ge

    @property
    def fixed(self) -> bool:
        """Whether the protocol states its threshold."""
        return bool(self.knobs["tau"] != "sweep")


def localisation(subject: Subject, settings: Settings) -> list[Cell]:
    """MaxBoxAcc with its deltas, GT-known, Top-1 and Top-5 Loc, for every source of the threshold asked for."""
    if not len(subject.rows):
        return []
    curves = curves_of(subject.rows, subject.protocol, subject.knobs)
    masks = _class_masks(subject)
    cells: list[Cell] = []
    taus = [tau for tau in settings.taus if tau != VALIDATION or subject.validation is not None]
    for source in [ORACLE] if subject.fixed else taus:
        held: dict[float, Held] = {}
        for name, keep in subject.slices.items():
            if not keep.any():
                continue
            part = subject.rows if keep.all() else subject.rows.filter(keep)
            found: dict[float, Mapping[str, Draws]] = {}
            for delta in _deltas(subject.knobs):
                wanted = masks if delta == 0.5 else {}  # only those are reported
                if source == ORACLE and keep.all() and subject.plain:
                    found[delta] = draw_best(curves, delta, settings.resamples(part), masks=wanted, ge=subject.ge)
                    continue
                if delta not in held:
                    held[delta] = _held(subject, curves, delta, source, settings)
                found[delta] = _draws(held[delta], wanted, keep, part, settings, by_class=subject.by_class)
            whole = bool(keep.all()) and not name
            cells += _cells(subject, found, part, _said(subject, source, settings, whole=whole), name)
            if whole and source == ORACLE:
                best = found[0.5]["maxboxacc"]
                cells += [] if subject.fixed else [_best_tau(subject, best)]
                cells += _boxes(subject, best, settings)
    return cells


def _deltas(knobs: Mapping[str, Any]) -> list[float]:
    return sorted({*knobs["deltas"], 0.5})  # GT-known and Top-k Loc are at 0.5 whatever else is reported


@dataclass(frozen=True, slots=True)
class Held:
    """Hits of all images at a threshold that stays as it is: for MaxBoxAcc, and for Top-1 and Top-5 Loc."""

    hits: NDArray[np.bool_]
    topk: NDArray[np.bool_]
    tau: tuple[float, ...]


def _held(subject: Subject, curves: Curves, delta: float, source: str, settings: Settings) -> Held:
    """Hits at the threshold of the whole set: that of a slice alone would flatter small slices."""
    ge, weights = subject.ge, class_weights(subject.rows["label"].to_numpy()) if subject.by_class else None
    if source == SPLIT_HALF:
        halves, topk = (
            split_half(curves, delta, seed=settings.seed, weights=weights, ge=ge, counted_ge=rule)
            for rule in (ge, subject.topk_ge)
        )
        return Held(halves.hits, topk.hits, halves.tau)
    if source == ORACLE:
        tau = choose(curves, delta, weights=weights, ge=ge)
    else:
        assert subject.validation is not None
        other = curves_of(subject.validation, subject.protocol, subject.knobs)
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
    bits = {"maxboxacc": held.hits} | {name: held.topk & mask for name, mask in masks.items()}
    resamples = settings.resamples(part)
    if by_class:
        drawn = {name: draw_class_mean(bit[keep], part["label"].to_numpy(), resamples) for name, bit in bits.items()}
    else:
        drawn = {name: draw_mean(bit[keep], resamples, bounded=True) for name, bit in bits.items()}
    return {name: replace(one, tau=held.tau) for name, one in drawn.items()}


def _cells(
    subject: Subject, found: Mapping[float, Mapping[str, Draws]], part: pa.Table, said: str, slice_: str
) -> list[Cell]:
    knobs, half, images = subject.knobs, found[0.5], images_of(part)
    listed: list[tuple[str, str, Draws]] = []
    if not subject.fixed:
        if knobs["headline"] == "at_50":
            listed.append(("maxboxacc", "MaxBoxAcc", half["maxboxacc"]))
        else:
            parts = [found[delta]["maxboxacc"] for delta in knobs["deltas"]]
            listed.append(("maxboxacc_v2", "MaxBoxAccV2", average(parts)))
        listed += [(f"maxboxacc@{round(100 * d)}", f"@{d:g}", found[d]["maxboxacc"]) for d in knobs["deltas"]]
    listed.append(("gt_known_loc", "GT-known Loc", half["maxboxacc"]))
    names = (("top1_loc", "Top-1 Loc"), ("top5_loc", "Top-5 Loc"))
    listed += [(metric, label, half[metric]) for metric, label in names if metric in half]
    return [
        cell_of(
            draws,
            variant=subject.variant,
            measure=subject.protocol,
            metric=metric,
            label=label,
            percent=True,
            higher_is_better=True,
            knobs=knobs,
            tau_from=said,
            slice_=slice_,
            images=images,
        )
        for metric, label, draws in listed
    ]


def _best_tau(subject: Subject, draws: Draws) -> Cell:
    tau = tau_of(draws.tau[0], subject.knobs)
    return Cell(
        variant=subject.variant,
        measure=subject.protocol,
        metric="best_tau",
        label="best tau",
        value=tau,
        low=tau,
        high=tau,
        n=len(subject.rows),
        percent=False,
        higher_is_better=None,
        tau=(tau,),
        tau_from=SAID[ORACLE],
        images=images_of(subject.rows),
    )


def _boxes(subject: Subject, draws: Draws, settings: Settings) -> list[Cell]:
    """How many boxes an image the threshold leaves at which most are hits; nothing where a protocol takes one box."""
    rows, column = subject.rows, f"{subject.protocol}/count"
    if column not in rows.column_names or rows[column].null_count:
        return []
    counts = boxes_of(rows, subject.protocol, tau_of(draws.tau[0], subject.knobs))
    cell = cell_of(
        replace(draw_mean(counts, settings.resamples(rows)), tau=draws.tau),
        variant=subject.variant,
        measure=subject.protocol,
        metric=BOXES,
        label="Boxes",
        percent=False,
        higher_is_better=None,
        knobs=subject.knobs,
        tau_from=_said(subject, ORACLE, settings, whole=True),
        images=images_of(rows),
    )
    return [cell]


def _class_masks(subject: Subject) -> dict[str, NDArray[np.bool_]]:
    """Whose class the network got right, in the protocol's own view; nothing for maps scored without a network."""
    own = f"{subject.protocol}/rank"
    column = own if own in subject.rows.column_names else "rank"
    if column not in subject.rows.column_names:
        return {}
    ranks = numbers(subject.rows, column)
    if np.isnan(ranks).any():
        return {}
    known_to = rank_depth(subject.rows)
    return {name: ranks < top for name, top in (("top1_loc", 1), ("top5_loc", 5)) if top <= known_to}


def _said(subject: Subject, source: str, settings: Settings, *, whole: bool) -> str:
    if subject.fixed:
        return f"fixed {subject.knobs['tau']:g}"
    if source == VALIDATION:
        return f"best on {settings.validation_name}"
    return SAID[source] if whole or source != ORACLE else ON_ALL


def source_of(said: str) -> str:
    """The source of a threshold, as one types it, from what a cell says."""
    if said in (SAID[ORACLE], ON_ALL):
        return ORACLE
    return SPLIT_HALF if said == SAID[SPLIT_HALF] else VALIDATION if said.startswith("best on") else said


def rows_of(table: pa.Table, protocol: str) -> pa.Table:
    """The rows that a protocol was evaluated on."""
    return known(table, f"{protocol}/iou")
