"""What stands under a table: data, network, weights, protocols, where thresholds came from, versions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from wsol.report.numbers.aliases import FEWEST
from wsol.report.numbers.choose import cell_at
from wsol.report.numbers.lines import apart_from_seed, grouped, run_fields
from wsol.report.numbers.quantity import Cell
from wsol.report.tables.notes import ceilings, reaveraged
from wsol.report.tables.text import interval, number
from wsol.report.tables.verdicts import verdicts
from wsol.stats.draws import INTERVALS

if TYPE_CHECKING:
    from wsol.report.numbers.lines import Key, Line
    from wsol.report.numbers.summary import Summary
    from wsol.runs.schema import ProtocolInfo

VERSIONS = ("wsol", "torch", "numpy")
FLATTERED = 0.5  # points that a chosen threshold adds, from which on a table says so
MANY = 3  # derived protocols; more are counted, not named


def footer(
    summaries: Sequence[Summary],
    lines: Sequence[Line],
    keys: Sequence[Key],
    *,
    by_class: bool = False,
    costed: bool = True,
) -> list[str]:
    """What a reader must know to compare; `costed` where there are columns of costs."""
    notes = verdicts(summaries)
    notes += [_data(group) for group in grouped(summaries, apart_from_seed)]
    notes += dict.fromkeys(note for s in summaries for note in s.info.notes)
    if not all(s.info.trained for s in summaries):
        notes.append("The weights are random: such rows show what the protocol scores without any training.")
    known = {name: protocol for s in summaries for name, protocol in s.protocols.items()}
    protocols = {key[0]: known[key[0]] for key in keys if key[0] in known}
    notes += _own_views(protocols.values()) if costed else []
    if protocols:
        sources = _sources([cell_at(lines, key) for key in keys])
        notes.append(f"Protocol{'s' * (len(protocols) > 1)}: {_listed(protocols)}; threshold: {sources}.")
    notes += reaveraged(protocols.values())
    notes += [found.sentence(s.variants[key].id) for s in summaries for key, found in s.failures.items()]
    notes += [sentence for s in summaries for sentence in _about_maps(s)]
    notes += ceilings(lines)
    shown = [line.cells[key] for line in lines for key in keys if key in line.cells]
    notes += dict.fromkeys(
        f"{cell.variant}: {cell.not_finite} of {cell.n} values of {cell.label} are not finite; they count as the worst."
        for cell in shown
        if cell.not_finite
    )
    notes.append(intervals(shown, by_class=by_class))
    notes += [said for key in keys if (said := _optimism([line.cells[key] for line in lines if key in line.cells]))]
    if costed and any(not math.isnan(line.costs["ms"]) for line in lines):
        notes.append("F+B: forward passes (partial ones too) + backward passes per image; ms: median per image.")
    counted = [cell for cell in shown if cell.quantity.reduction == "boxes"]
    if counted:
        where = "this" if all(cell.tau_source == "fixed" for cell in counted) else "the best"
        notes.append(f"Boxes: how many per image at {where} threshold; it is a hit if any of them fits.")
    if any(cell.seeds > 1 for cell in shown):
        notes.append("Stochastic methods: mean over seeds; s is the standard deviation of one seed's number.")
    notes += _versions(summaries)
    return notes


def _optimism(cells: Sequence[Cell]) -> str:
    """By how much a threshold chosen on the same images flatters a column, where that shows."""
    chosen = [c for c in cells if c.quantity.headline and c.draws is not None and c.draws.contact is not None]
    if not chosen:
        return ""
    n = max(cell.n for cell in chosen)
    points = 100 * median(c.draws.optimism()[1] for c in chosen if c.n == n and c.draws is not None)
    if points < FLATTERED:
        return ""
    return (
        f"The best threshold is chosen on these images, which adds about {number(points, 1)} points to "
        f"{chosen[0].label} ({chosen[0].measure}) at n = {n} (bootstrap); --tau split-half chooses it on others."
    )


def _about_maps(summary: Summary) -> list[str]:
    """Variants that are suspicious: one map for most images, or equal to another as far as anybody can see."""
    names = {key: variant.id for key, variant in summary.variants.items()}
    notes = [
        f"{names[key]}: one and the same map on {count} of {summary.evaluated} images, as where every map is all zeros."
        for key, count in summary.repeated.items()
    ]
    for twin in dict.fromkeys(summary.alike.values()):
        keys = [names[key] for key, other in summary.alike.items() if other == twin]
        listed = ", ".join(keys) if len(keys) <= MANY else f"{', '.join(keys[:MANY])} and {len(keys) - MANY} more"
        notes.append(
            f"Equal to {names[twin]} in all that was measured, yet not merged with it: {listed}. To show that maps are "
            f"the same takes at least {FEWEST} images, and more than boxes at a fixed threshold."
        )
    return notes


def _own_views(protocols: Iterable[ProtocolInfo]) -> list[str]:
    """Protocols with a view of their own: the columns of costs are of the run's."""
    views = [f"{p.name} uses view {p.own_view}" for p in protocols if p.own_view]
    return [f"{'; '.join(views)}: F+B and ms are of one pass through the run's view."] if views else []


def _listed(protocols: Mapping[str, ProtocolInfo]) -> str:
    """Protocols by name; many that are derived from one are counted."""
    derived = sum(bool(protocol.changes) for protocol in protocols.values())
    if derived <= MANY:
        return ", ".join(protocols)
    presets = dict.fromkeys(protocol.preset for protocol in protocols.values())
    return f"{', '.join(presets)} and {derived} derived from {'it' if len(presets) == 1 else 'them'}"


def _sources(cells: Iterable[Cell]) -> str:
    """Where thresholds came from; many fixed ones are counted."""
    said = {cell.tau_from: cell.tau_source for cell in cells if cell.tau_source}
    fixed = [words for words, source in said.items() if source == "fixed"]
    if len(fixed) <= MANY:
        return "; ".join(said)
    return "; ".join([*(words for words in said if words not in fixed), f"{len(fixed)} fixed ones"])


def _data(group: Sequence[Summary]) -> str:
    """Data and network of runs that differ in nothing but the seed."""
    summary = group[0]
    fields = run_fields(summary)
    whole = summary.manifest.get("images", "?")
    so_far = f"so far {summary.evaluated} of " if summary.evaluated != whole != "?" else ""
    images = f"{fields['dataset']} ({so_far}{whole} images)"
    words = [f"{images}, {fields['model']}, weights {fields['weights'] or '-'}"]
    seeds = [str(run_fields(one)["seed"]) for one in group]
    words.append(f"view {fields['view']}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}")
    if summary.info.classifier:
        words.append(f"classes by {summary.info.classifier}")
    accuracy: dict[str, Cell] = {}  # by label, of the variant with the most images
    for cell in summary.cells:
        if cell.quantity.reduction == "rank" and not cell.slice:
            accuracy[cell.label] = max(accuracy.get(cell.label, cell), cell, key=lambda c: c.n)
    for label, cell in accuracy.items():
        words.append(f"{label} {number(cell.value, 1)} {interval(cell.low, cell.high, 1)}")
    return "; ".join(words) + f". Run{'s' * (len(group) > 1)} {', '.join(one.run for one in group)}."


def intervals(cells: Collection[Cell], *, by_class: bool) -> str:
    """What the numbers are, and where their intervals come from."""
    digits = {1 if cell.percent else cell.digits for cell in cells}
    units = "Percentages; numbers with three digits are fractions of 1."
    if len(digits) == 1:
        units = "Percentages." if 1 in digits else "Fractions of 1."
    there = {cell.draws.interval for cell in cells if cell.draws is not None}
    drawn = "classes" if by_class else "images"
    kinds = "; ".join(words for kind, words in INTERVALS.items() if kind in there)
    return f"{units} Intervals: 95 %, over {drawn}: {kinds}."


def _versions(summaries: Sequence[Summary]) -> list[str]:
    said = [
        " ".join(f"{name} {found[name]}" for name in VERSIONS if name in found)
        for found in (summary.manifest.get("versions", {}) for summary in summaries)
    ]
    distinct = list(dict.fromkeys(s for s in said if s))
    numerics = list(dict.fromkeys(_numerics(s) for s in summaries))
    return [f"{'; '.join(distinct)}. {'; '.join(n for n in numerics if n)}".strip(". ") + "."] if distinct else []


def _numerics(summary: Summary) -> str:
    if summary.info.source == "stored":
        return ""
    return f"{summary.info.device} {summary.info.precision}{', compiled' if summary.info.compiled else ''}"


def beside(summaries: Sequence[Summary]) -> list[str]:
    """Fields that tell the runs of one table apart; what follows from the others (a network's weights) is left out."""
    fields = [run_fields(summary) for summary in summaries]
    names: list[str] = []
    if any(summary.info.classifier and summary.info.source == "network" for summary in summaries):
        names.append("classifier")  # Top-1 rests on it, so every row names it
    for name in ("dataset", "model", "weights", "view", "classifier"):
        if _distinct(fields, [*names, name]) > _distinct(fields, names):
            names.append(name)
    if _distinct(fields, [*names, "seed"]) < len(summaries):
        names.append("run")
    return names


def _distinct(fields: Sequence[Mapping[str, object]], names: Sequence[str]) -> int:
    return len({tuple(str(one[name]) for name in names) for one in fields})
