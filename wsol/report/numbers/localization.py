"""Localization numbers of all variants and protocols, with the threshold from where the reader wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from wsol.report.numbers.failures import failed
from wsol.report.numbers.quantity import Cell, cell_of, without_number
from wsol.report.numbers.rows import hits_of, images_of, is_swept, own_rule, position_of, tau_of
from wsol.report.numbers.subject import HALF, Subject
from wsol.runs.arrays import numpy_of
from wsol.stats.averages import class_weights
from wsol.stats.best import ALL, Search, draw_best_of
from wsol.stats.bootstrap import average, draw_class_mean, draw_mean
from wsol.stats.heldout import split_half

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.report.numbers.quantity import TauFrom
    from wsol.report.numbers.settings import Settings
    from wsol.stats.draws import Draws

    Values = NDArray[np.float64]
    Taus = Mapping[tuple[str, str], float | None]
    Counts = Mapping[tuple[str, str], Values]

ROW = "row"  # where a row stood among all of its variant, before any were left out


def localization(subjects: Sequence[Subject], settings: Settings, boxes: Callable[[Taus], Counts]) -> list[Cell]:
    """MaxBoxAcc with its deltas, GT-known, Top-1 and Top-5 Loc, for every source of the threshold asked for.

    Thresholds that are best on these images are searched for in all subjects at once: they share the resamples.

    Parameters
    ----------
    boxes : from thresholds by variant and protocol to how many boxes above them all stored rows have; NaN where a row
        does not say.
    """
    subjects = [subject for subject in subjects if len(subject.rows)]
    wanted = [
        (n, name, delta, keep)
        for n, subject in enumerate(subjects)
        if "oracle" in subject.sources(settings)
        for name, keep, _ in subject.parts
        for delta in subject.deltas
    ]
    found = draw_best_of(_search(subjects[n], delta, keep, settings) for n, _, delta, keep in wanted)
    best = {(n, name, delta): draws for (n, name, delta, _), draws in zip(wanted, found, strict=True)}
    counted = boxes({subject.name: _tau(subject, best.get((n, "", HALF))) for n, subject in enumerate(subjects)})
    counted_at = {tau: boxes(_at(tau, subjects)) for tau in settings.taus if isinstance(tau, float)}
    cells: list[Cell] = []
    for n, subject in enumerate(subjects):
        for source in subject.sources(settings):
            held: dict[float, Held] = {}
            for name, keep, part in subject.parts:
                by_delta: dict[float, Mapping[str, Draws]] = {}
                for delta in subject.deltas:
                    if source == "oracle":
                        by_delta[delta] = best[n, name, delta]
                        continue
                    if delta not in held:
                        held[delta] = _held(subject, delta, source, settings)
                    masks = subject.masks if delta == HALF else {}  # only those are reported
                    by_delta[delta] = _draws(held[delta], masks, keep, part, settings, by_class=subject.by_class)
                cells += _accuracies(subject, by_delta, part, source, settings.validation_name, name)
                if source not in ("split-half", "val", "per-image") and not name:
                    of_all = counted_at[source] if isinstance(source, float) else counted
                    cells += _at_best(subject, by_delta[HALF][ALL], source, of_all.get(subject.name), settings)
    return cells


def _tau(subject: Subject, best: Mapping[str, Draws] | None) -> float | None:
    """The threshold whose boxes are counted; None where none are."""
    if not _counts_boxes(subject):
        return None
    if own_rule(subject.protocol):
        return 0.0  # its rows hold what is above each map's own threshold, under 0
    return tau_of(best[ALL].tau[0] if best else 0.0, subject.protocol)


def _at(tau: float, subjects: Sequence[Subject]) -> dict[tuple[str, str], float | None]:
    """A threshold of the reader's as the rows know it, for the subjects of which boxes are counted there."""
    counting = [subject for subject in subjects if is_swept(subject.protocol) and _counts_boxes(subject)]
    return {s.name: tau_of(position_of(tau, s.protocol), s.protocol) for s in counting}


def _counts_boxes(subject: Subject) -> bool:
    return any(q.reduction == "boxes" for q in subject.quantities)


def _search(subject: Subject, delta: float, keep: NDArray[np.bool_] | None, settings: Settings) -> Search:
    other = delta == HALF and subject.topk_ge != subject.ge
    return Search(
        hits=subject.hits(delta),
        resamples=settings.resamples(subject.rows),
        masks=subject.masks if delta == HALF else {},  # only those are reported
        masked=subject.hits(delta, topk=True) if other else None,
        labels=subject.labels,
        part=keep,  # at the threshold of all: a slice's own would flatter it
    )


@dataclass(frozen=True, slots=True)
class Held:
    """Hits of all images at a threshold that stays as it is: for MaxBoxAcc, and for Top-1 and Top-5 Loc."""

    hits: NDArray[np.bool_]
    topk: NDArray[np.bool_]
    tau: tuple[float, ...]


def _held(subject: Subject, delta: float, source: TauFrom | float, settings: Settings) -> Held:
    """Hits at a fixed threshold, at one that was chosen on other images, or at each image's own best one."""
    hits = subject.hits(delta)
    topk = hits if subject.topk_ge == subject.ge else subject.hits(delta, topk=True)
    if source == "per-image":
        return Held(hits.ever(), topk.ever(), ())
    if isinstance(source, float):
        at = position_of(source, subject.protocol)
        return Held(hits.at(at), topk.at(at), (at,))
    weights = class_weights(subject.labels) if subject.labels is not None else None
    if source == "split-half":
        halves, of_topk = (split_half(hits, seed=settings.seed, weights=weights, counted=one) for one in (hits, topk))
        return Held(halves.hits, of_topk.hits, halves.tau)
    other = hits
    if source == "val":
        assert subject.validation is not None
        other = hits_of(subject.validation, subject.protocol, delta, ge=subject.ge)
        weights = class_weights(numpy_of(subject.validation["label"])) if subject.by_class else None
    tau = other.best(weights)[1]
    return Held(hits.at(tau), topk.at(tau), (tau,))


def _draws(
    held: Held,
    masks: Mapping[str, NDArray[np.bool_]],
    keep: NDArray[np.bool_] | None,
    part: pa.Table,
    settings: Settings,
    *,
    by_class: bool,
) -> dict[str, Draws]:
    """Draws of the share of hits, and of hits under `masks`, among the images to `keep`."""
    bits = {ALL: held.hits} | {name: held.topk & mask for name, mask in masks.items()}
    if keep is not None:
        bits = {name: bit[keep] for name, bit in bits.items()}
    resamples = settings.resamples(part)
    if by_class:
        drawn = {name: draw_class_mean(bit, numpy_of(part["label"]), resamples) for name, bit in bits.items()}
    else:
        drawn = {name: draw_mean(bit, resamples, bounded=True) for name, bit in bits.items()}
    return {name: replace(draws, tau=held.tau) for name, draws in drawn.items()}


def _accuracies(
    subject: Subject,
    by_delta: Mapping[float, Mapping[str, Draws]],
    part: pa.Table,
    source: TauFrom | float,
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
                tau=_thresholds(draws, subject, source),
                tau_source="fixed" if isinstance(source, float) else source,
                chosen_on=chosen_on if source == "val" else "",
                own_rule=own_rule(subject.protocol),
                slice_=slice_,
                images=images,
            )
        )
    return cells


def _thresholds(draws: Draws, subject: Subject, source: TauFrom | float) -> tuple[float, ...]:
    """Where the hits were counted, in [0, 1); none where each map has a threshold by its own rule."""
    if isinstance(source, float):
        return (source,)
    return () if own_rule(subject.protocol) else tuple(tau_of(t, subject.protocol) for t in draws.tau)


def _at_best(
    subject: Subject, best: Draws, source: TauFrom | float, boxes: Values | None, settings: Settings
) -> list[Cell]:
    """The best or fixed threshold itself, and how many boxes per image it leaves where a protocol counts several."""
    given = source if isinstance(source, float) else None
    tau = tau_of(best.tau[0], subject.protocol) if given is None else given
    tau_source: TauFrom = "fixed" if isinstance(source, float) else source
    rows, images = subject.rows, images_of(subject.rows)
    cells = []
    for quantity in subject.quantities:
        if quantity.reduction == "best_tau" and given is None:
            cells.append(
                Cell(
                    variant=subject.variant,
                    quantity=quantity,
                    value=tau,
                    low=tau,
                    high=tau,
                    n=len(rows),
                    tau=(tau,),
                    tau_source=tau_source,
                    images=images,
                )
            )
        if quantity.reduction != "boxes" or boxes is None:
            continue
        counts = boxes[numpy_of(rows[ROW])]
        unknown = np.isnan(counts)
        if bad := int((unknown & failed(rows, quantity.measure)).sum()):
            cells.append(without_number(subject.variant, quantity, n=len(rows), failed=bad))
        elif not unknown.any():
            draws = draw_mean(counts, settings.resamples(rows))
            cells.append(
                cell_of(
                    draws,
                    variant=subject.variant,
                    quantity=quantity,
                    tau=(tau,) if np.isfinite(tau) else (),
                    tau_source=tau_source,
                    own_rule=own_rule(subject.protocol),
                    images=images,
                )
            )
    return cells
