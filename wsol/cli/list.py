"""`wsol list`: names of what there is."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from wsol.cli import choices
from wsol.environment import conf_dir
from wsol.errors import ConfigError, unknown
from wsol.report.tables.render import print_table

KINDS = ("methods", "layers", "models", "datasets", "protocols", "metrics", "experiments", "views", "engines")


def main(words: Sequence[str]) -> int:
    """Print one kind of thing; `--json` for machines."""
    parser = argparse.ArgumentParser(prog="wsol list", description="List what can be chosen.")
    parser.add_argument("kind", help=", ".join(KINDS))
    parser.add_argument("overrides", nargs="*", help="for layers: model=resnet50 [model.weights=...]")
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    rest = choices.load_with(list(words))
    chosen = parser.parse_intermixed_args(rest)
    kind = chosen.kind if chosen.kind.endswith("s") else f"{chosen.kind}s"
    if kind not in KINDS:
        raise unknown("list", chosen.kind, KINDS)
    rows = _rows(kind, chosen.overrides)
    if chosen.json:
        json.dump(rows, sys.stdout, indent=1, default=str)
        print()
    else:
        print_table(rows)
    return 0


def _rows(kind: str, overrides: Sequence[str]) -> list[dict[str, Any]]:
    if kind == "methods":
        from wsol.methods._base import methods

        return [
            {
                "method": key,
                "name": method.info.name,
                "paper": method.info.paper.split(",")[0],
                "year": method.info.year,
                "needs": " ".join(sorted(method.info.needs)),
                "layers": method.info.layers,
                "cost": method.info.cost,
            }
            for key, method in methods.items()
        ]
    if kind == "metrics":
        from wsol.metrics._base import metrics

        return [
            {
                "metric": key,
                "about": metric.info.about,
                "needs": " ".join(sorted(metric.info.needs)),
                "cost": metric.info.cost,
            }
            for key, metric in metrics.items()
        ]
    if kind == "protocols":
        from wsol.protocols._base import protocols

        return [
            {"protocol": key, "view": p.view, "tau": p.tau, "component": p.component, "paper": p.paper}
            for key, p in protocols.items()
        ]
    if kind == "datasets":
        from wsol.datasets.base import datasets
        from wsol.options import defaults

        readers = [
            {"dataset": key, "about": _first_sentence(reader.__doc__), "options": ", ".join(defaults(reader))}
            for key, reader in datasets.items()
        ]
        presets = [name for name in choices.options("dataset") if name not in datasets]
        return readers + [
            {"dataset": name, "about": _comment("dataset", name), "options": "those of wsolevaluation"}
            for name in presets
        ]
    if kind == "models":
        return [{"model": name} for name in choices.options("model")]
    if kind == "layers":
        return _layers(overrides)
    group = kind.removesuffix("s")
    return [{group: name, "about": _comment(group, name)} for name in choices.options(group)]


def _comment(group: str, name: str) -> str:
    """What a file in conf/ says of itself: its first comment."""
    found = re.search(r"# (?!@package)(.*)", (conf_dir() / group / f"{name}.yaml").read_text())
    return _first_sentence(found[1]) if found else ""


def _first_sentence(text: str | None) -> str:
    return (text or "").strip().split("\n")[0].split(". ")[0].rstrip(".:")


def _layers(overrides: Sequence[str]) -> list[dict[str, Any]]:
    from wsol.models.stages import list_layers
    from wsol.models.zoo import load_classifier

    options = dict(word.split("=", 1) for word in overrides if "=" in word)
    name = options.pop("model", None)
    if name is None:
        raise ConfigError("say which network: wsol list layers model=resnet50")
    weights = options.pop("model.weights", "embedded" if name.startswith("shapes") else "random")
    if options:
        raise unknown("option", next(iter(options)), ("model", "model.weights"), error=ConfigError)
    return [
        {"layer": layer, "stage": preset, "channels": shape[0], "height": shape[1], "width": shape[2]}
        for layer, preset, shape in list_layers(load_classifier(name, weights=weights))
    ]
