"""`wsol rescore`: what the protocol does to the ranking, over the maps that a run kept."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.cli.options import Command, number
from wsol.errors import ConfigError
from wsol.grammar import split
from wsol.options import Threads
from wsol.report.tables.render import print_table

if TYPE_CHECKING:
    from argparse import Namespace

    from wsol.protocols._base import Protocol
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.summary import Summary
    from wsol.runs.folder import RunFolder

DESCRIPTION = """Score the maps that a run kept (maps=keep) by other protocols, without the network or the images.

Says how the ranking of the variants moves between protocols: Kendall's tau of each two, with its interval.

  wsol rescore latest                                       every protocol that the maps suffice for
  wsol rescore latest 'protocol=[choe2020_v1,exact,gradcam2017[tau=0.2]]'

Protocols that refine maps by a graph cut, or have a view of their own of which no maps are kept, are left out.
The rows are a run of their own, rescore-RUN, for wsol table.

  wsol rescore latest --mean-map                            the mean map of all other images, beside each method

A control, scored by the run's own protocols: it knows the data set's bias, and nothing of the image. Its rows are the
run's own, and stand in its tables from then on.
"""


def main(words: Sequence[str]) -> int:
    """Print each variant's number and rank under each protocol, then how far the protocols agree."""
    parser = Command("rescore", DESCRIPTION, reads=True).with_intervals()
    parser.add_argument("run", help="a run folder, the beginning of its name, or latest")
    parser.add_argument("protocol", nargs="*", help="protocol=[NAME,NAME[knob=value]]; default: all of them")
    parser.add_argument("--mean-map", action="store_true", help="add the mean map of all other images to the run")
    parser.add_argument("--threads", type=number(Threads), default=os.cpu_count() or 1, help="maps at a time")
    parser.add_argument("--json", action="store_true", help="print an object")
    chosen = parser.read(words)
    from wsol.environment import versions
    from wsol.evaluation.engines import run_local
    from wsol.evaluation.rescore import rescoring
    from wsol.report.numbers.summary import summarize
    from wsol.runs.find import open_run
    from wsol.runs.folder import RunFolder
    from wsol.runs.knobs import check_knobs

    run = open_run(chosen.run, chosen.runs)
    if kept_by := run.manifest.get("family", {}).get("rescored"):  # it is what this command made itself
        run = open_run(kept_by, run.path.parent)
    if chosen.mean_map:
        return _mean_map(run, chosen)
    experiment = rescoring(run, _protocols(chosen.protocol), threads=chosen.threads)
    folder = RunFolder(run.path.parent / experiment.folder_name)
    check_knobs({p.name: p.knobs for p in experiment.protocols}, folder.footers(), where=folder.path)
    folder.write_manifest(experiment.manifest(versions()))
    run_local(experiment, folder)
    names = [protocol.name for protocol in experiment.protocols]
    keys = {variant.key for variant in experiment.variants}
    ranked = _ranked(summarize(folder, variants=keys, measures=names, n_resamples=chosen.resamples), names)
    agreement = _agreement(ranked)
    if chosen.json:
        numbers = {name: {key: cell.value for key, cell in cells.items()} for name, cells in ranked.items()}
        json.dump({"run": run.name, "numbers": numbers, "agreement": agreement}, sys.stdout, indent=1)
        print()
        return 0
    print_table(_lines(ranked))
    print("\nEach protocol's own number, and the variant's rank by it.\n")
    print_table([{name: _text(value) for name, value in line.items()} for line in agreement])
    print("\nKendall's tau-b of two protocols' rankings; 95 % of bootstrap replicates of the images are within.")
    return 0


def _mean_map(run: RunFolder, chosen: Namespace) -> int:
    """Add the mean maps to the run, and print each method's number beside that of its mean map."""
    from wsol.evaluation.engines import run_local
    from wsol.evaluation.mean_map import mean_mapping
    from wsol.report.numbers.summary import summarize

    if chosen.protocol:
        raise ConfigError(f"--mean-map scores by the run's own protocols; leave out {chosen.protocol[0]}")
    experiment = mean_mapping(run, threads=chosen.threads)
    run_local(experiment, run)
    names = [protocol.name for protocol in experiment.protocols]
    bases = experiment.bases
    summary = summarize(run, variants={*bases, *bases.values()}, measures=names, n_resamples=chosen.resamples)
    ranked = _ranked(summary, names)
    if chosen.json:
        numbers = {name: {key: cell.value for key, cell in cells.items()} for name, cells in ranked.items()}
        json.dump({"run": run.name, "numbers": numbers, "mean_maps": {v: k for k, v in bases.items()}}, sys.stdout)
        print()
        return 0
    lines = []
    for key, base in bases.items():
        line = {"variant": base}
        for name, cells in ranked.items():
            line |= {name: f"{cells[base].value:.1f}", f"{name} of the mean map": f"{cells[key].value:.1f}"}
        lines.append(line)
    print_table(lines)
    print(f"\nThe mean maps' rows are in run {run.name}; with their intervals: wsol table {run.name}")
    return 0


def _protocols(words: Sequence[str]) -> list[Protocol]:
    """Those that are named, or all. Raises ConfigError for another word."""
    from wsol.protocols._base import named, protocols

    found = []
    for word in words:
        key, equals, value = word.partition("=")
        if key != "protocol" or not equals:
            raise ConfigError(f"{word!r} is not a choice of protocols; write protocol=[choe2020_v1,exact]")
        whole = value.startswith("[") and value.endswith("]")
        found += [named(name.strip()) for name in split(value[1:-1] if whole else value)]
    return list({one.name: one for one in found or protocols.values()}.values())  # some have two names


def _ranked(summary: Summary, names: Sequence[str]) -> dict[str, dict[str, Cell]]:
    """By protocol and variant, the number that the protocol ranks by, best first."""
    by_protocol: dict[str, dict[str, Cell]] = {name: {} for name in names}
    for cell in summary.cells:
        if cell.quantity.headline and not cell.slice and cell.measure in by_protocol:
            by_protocol[cell.measure].setdefault(cell.variant, cell)
    return {name: dict(sorted(cells.items(), key=lambda item: -item[1].value)) for name, cells in by_protocol.items()}


def _agreement(ranked: dict[str, dict[str, Cell]]) -> list[dict[str, Any]]:
    """Of each two protocols, how far they agree, and the variant whose rank moves most."""
    from wsol.stats.kendall import kendall_tau, tau_interval

    lines: list[dict[str, Any]] = []
    for (first, a), (second, b) in combinations(ranked.items(), 2):
        keys = [key for key in a if key in b]
        draws = [[side[key].draws for key in keys] for side in (a, b)]
        values = [np.array([one.value for one in side if one is not None]) for side in draws]
        again = [np.stack([one.replicates for one in side if one is not None], axis=-1) for side in draws]
        low, high = tau_interval(again[0], again[1])
        places = [_places(side) for side in (a, b)]
        moved = {key: abs(places[0][key] - places[1][key]) for key in keys}
        most = max(moved, key=lambda key: moved[key])
        lines.append(
            {
                "protocol": first,
                "other": second,
                "tau": _known(float(kendall_tau(values[0], values[1]))),
                "low": _known(low),
                "high": _known(high),
                "moves most": most if moved[most] else "",
                "by ranks": moved[most],
            }
        )
    return lines


def _places(cells: Mapping[str, Cell]) -> dict[str, int]:
    """Ranks from 1; of equal numbers the same."""
    return {key: 1 + sum(other.value > cell.value for other in cells.values()) for key, cell in cells.items()}


def _lines(ranked: dict[str, dict[str, Cell]]) -> list[dict[str, str]]:
    keys = list(next(iter(ranked.values())))
    places = {name: _places(cells) for name, cells in ranked.items()}
    return [
        {
            "variant": key,
            **{name: f"{cells[key].value:.1f} ({places[name][key]})" for name, cells in ranked.items()},
        }
        for key in keys
    ]


def _known(value: float) -> float | None:
    """None for the NaN of rankings that are ties alone."""
    return value if math.isfinite(value) else None


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
