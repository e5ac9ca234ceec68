"""`wsol list`: names of what there is."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wsol.cli.options import Command
from wsol.declarations import facts_of
from wsol.errors import ConfigError, unknown
from wsol.report.tables.render import print_table
from wsol.settings import choices

Rows = list[dict[str, Any]]

DESCRIPTION = """List what can be chosen.

  wsol list methods
  wsol list layers model=resnet50
  wsol list datasets paths.data=/data      also which are found there
  wsol list benchmarks
"""


def main(words: Sequence[str]) -> int:
    """Print one kind of thing; `--json` for machines."""
    parser = Command("list", DESCRIPTION, overrides=True)
    parser.add_argument("kind", help=", ".join(KINDS))
    parser.add_argument(
        "overrides", nargs="*", help="for layers: model=resnet50 [model.weights=...]; for datasets: paths.data=DIR"
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    given = parser.read(words)
    kind = given.kind if given.kind.endswith("s") else f"{given.kind}s"
    if kind not in KINDS:
        raise unknown("list", given.kind, KINDS)
    rows = OF_OVERRIDES[kind](given.overrides) if kind in OF_OVERRIDES else KINDS[kind]()
    if given.json:
        json.dump(rows, sys.stdout, indent=1, default=str)
        print()
    else:
        print_table(rows)
    return 0


def _methods() -> Rows:
    from wsol.methods._base import method, methods

    rows = []
    for key in methods:
        facts = facts_of(methods, method, key, ("name", "paper", "year", "needs", "layers", "cost"))
        paper, needs = facts["paper"].split(",")[0], " ".join(sorted(facts["needs"]))
        rows.append({"method": key, **facts, "paper": paper, "needs": needs})
    presets = [
        {**dict.fromkeys(rows[0], ""), "method": name, "name": choices.about("method", name)}
        for name in choices.config_names("method")
    ]
    sets = [{**dict.fromkeys(rows[0], ""), "method": name, "name": about} for name, about in choices.SETS.items()]
    return [*rows, *presets, *sets]


def _metrics() -> Rows:
    from wsol.metrics._base import metric, metrics

    listed = {key: facts_of(metrics, metric, key, ("about", "needs", "cost")) for key in metrics}
    return [{"metric": key, **facts, "needs": " ".join(sorted(facts["needs"]))} for key, facts in listed.items()]


def _protocols() -> Rows:
    from wsol.protocols._base import protocols

    return [
        {"protocol": key, "view": p.view, "tau": p.tau, "component": p.component, "paper": p.paper}
        for key, p in protocols.items()
    ]


def _datasets(overrides: Sequence[str]) -> Rows:
    """The readers and the choices in conf/, and which of them are found on this machine."""
    from wsol.datasets.base import datasets
    from wsol.options import defaults
    from wsol.settings.places import paths_given, places_of

    paths = paths_given(overrides)
    rows: Rows = []
    for name in choices.names("dataset"):
        key = choices.content("dataset", name)["name"]
        options = ", ".join(defaults(datasets[key])) if name == key else f"those of {key}"
        about = choices.about("dataset", name) if choices.config_file("dataset", name) else ""
        row = {"dataset": name, "about": about or _title(datasets[key].__doc__)}
        rows.append({**row, "found": str(places_of(name, paths)), "options": options})
    return rows


def _views() -> Rows:
    from wsol.views import views

    rows = [{"view": key, "about": view.about} for key, view in views.items()]
    return rows + [{"view": name, "about": choices.about("view", name)} for name in choices.config_names("view")]


def _benchmarks() -> Rows:
    from wsol.published.beside import benchmark_names, load_benchmark

    rows = []
    for name in benchmark_names():
        table = load_benchmark(name)
        runs = sum(bool(cell.overrides) for cell in table.cells)
        rows.append({"benchmark": name, "paper": table.paper, "cells": len(table.cells), "with ours": runs})
    return rows


def _checks() -> Rows:
    from wsol.published.audit._base import checks

    return [{"check": name, "finds": checks[name].about} for name in checks]


def _layers(overrides: Sequence[str]) -> Rows:
    from wsol.evaluation.build import load_model
    from wsol.models.stages import list_layers
    from wsol.settings import compose_settings

    if not any(word.startswith("model=") for word in overrides):
        raise ConfigError("say which network: wsol list layers model=resnet50")
    model = compose_settings(overrides)["model"]
    classifier = load_model({**model, "weights": model["weights"] or "random"})
    return [
        {"layer": layer, "stage": stage, "channels": shape[0], "height": shape[1], "width": shape[2]}
        for layer, stage, shape in list_layers(classifier)
    ]


def _techniques() -> Rows:
    from wsol.training.technique import technique, techniques

    rows = []
    for key in techniques:
        facts = facts_of(techniques, technique, key, ("docstring", "year", "head"))
        name, _, about = facts["docstring"].splitlines()[0].partition(": ")
        rows.append({"technique": key, "name": name, "about": about, "year": facts["year"], "head": facts["head"]})
    return rows


def _files(group: str) -> Rows:
    return [{group: name, "about": choices.about(group, name)} for name in choices.config_names(group)]


def _title(text: str | None) -> str:
    """The first sentence of a docstring."""
    return (text or "").strip().split("\n")[0].split(". ")[0].rstrip(".:")


KINDS: Mapping[str, Callable[[], Rows]] = {
    "methods": _methods,
    "layers": list,
    "models": lambda: [{"model": name} for name in choices.names("model")],
    "datasets": list,
    "protocols": _protocols,
    "metrics": _metrics,
    "views": _views,
    "recipes": lambda: _files("recipe"),
    "techniques": _techniques,
    "experiments": lambda: _files("experiment"),
    "engines": lambda: [
        {"engine": key, "about": _title(engine.__doc__)} for key, engine in choices.registered("engine").items()
    ],
    "benchmarks": _benchmarks,
    "checks": _checks,
}
OF_OVERRIDES: Mapping[str, Callable[[Sequence[str]], Rows]] = {"layers": _layers, "datasets": _datasets}
