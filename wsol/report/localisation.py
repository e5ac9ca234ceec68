"""Localization numbers of one variant under one protocol, with the threshold from where the reader wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.cells import BOXES, Cell, cell_of
from wsol.report.rows import boxes_of, curves_of, images_of, known, numbers, rank_depth, tau_of
from wsol.stats.bootstrap import Draws, average, draw_best, draw_mean
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
    for source in [ORACLE] if subject.fixed else settings.taus:
        for name, keep in subject.slices.items():
            if not keep.any():
                continue
            part = subject.rows if keep.all() else subject.rows.filter(keep)
            found = {d: _draws(subject, curves, d, source, masks, keep, part, settings) for d in _deltas(subject.knobs)}
            whole = bool(keep.all()) and not name
            cells += _cells(subject, found, part, _said(subject, source, settings, whole=whole), name)
            if whole and source == ORACLE:
                best = found[0.5]["maxboxacc"]
                cells += [] if subject.fixed else [_best_tau(subject, best)]
                cells += _boxes(subject, best, settings)
    return cells


def _deltas(knobs: Mapping[str, Any]) -> list[float]:
    return sorted({*knobs["deltas"], 0.5})  # GT-known and Top-k Loc are at 0.5 whatever else is reported


def _draws(
    subject: Subject,
    curves: Curves,
    delta: float,
    source: str,
    masks: Mapping[str, NDArray[np.bool_]],
    keep: NDArray[np.bool_],
    part: pa.Table,
    settings: Settings,
) -> dict[str, Draws]:
    """Draws of the share of hits, and of hits whose class is right too; only those at 0.5 are reported."""
    wanted = dict(masks) if delta == 0.5 else {}
    resamples, weights = settings.resamples(part), _weights(subject)
    plain = weights is None and subject.topk_ge == subject.ge
    if source == ORACLE and keep.all() and plain:
        return draw_best(curves, delta, resamples, masks=wanted, ge=subject.ge)
    if source == ORACLE:  # one threshold for the whole set: that of a slice alone would flatter small slices
        tau: tuple[float, ...] = (curves.best(delta, weights, ge=subject.ge)[1],)
    elif source == SPLIT_HALF:
        halves = split_half(curves, delta, seed=settings.seed, ge=subject.ge)
        tau = halves.tau
    else:
        assert subject.validation is not None
        other = curves_of(subject.validation, subject.protocol, subject.knobs)
        tau = (choose(other, delta, ge=subject.ge),)
    if source == SPLIT_HALF:
        hits = topk = halves.hits
    else:
        hits = evaluate(curves, delta, tau[0], ge=subject.ge)
        topk = evaluate(curves, delta, tau[0], ge=subject.topk_ge)
    bits = {"maxboxacc": hits} | {name: topk & mask for name, mask in wanted.items()}
    share = np.ones(curves.n) if weights is None else weights * curves.n
    return {
        name: replace(draw_mean((bit * share)[keep], resamples, bounded=True), tau=tau) for name, bit in bits.items()
    }


def _weights(subject: Subject) -> NDArray[np.float64] | None:
    """(n,) weights of the images, with sum 1, where the protocol averages over classes; None where all count alike."""
    if subject.knobs.get("average", "images") == "images":
        return None
    _, codes, counts = np.unique(subject.rows["label"].to_numpy(), return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / (len(counts) * counts[codes])
    return weights


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
