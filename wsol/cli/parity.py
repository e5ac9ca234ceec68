"""`wsol parity`: our methods beside other libraries' own, and our protocols beside the published evaluators."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from wsol.cli.options import Command, number
from wsol.environment import benchmarks_dir
from wsol.errors import ConfigError
from wsol.options import Count, Images
from wsol.registry import load_file
from wsol.settings import compose_settings

log = logging.getLogger(__name__)

DESCRIPTION = """Compare with pytorch-grad-cam, torch-cam and captum as installed (extra: peers); dataset= and model= as
for wsol run. The other libraries' methods are in benchmarks/parity/peers.py.

  wsol parity model=shapes_vgg --images 8
  wsol parity --reference wsolevaluation=../wsolevaluation --maps 100000

With --reference, a published evaluator runs from a clone of its repository, whose code is executed, on made-up maps
with ties, plateaus, single pixels, NaN and sides that differ. The exit code is 1 where a bit differs. --all does both,
and without other libraries the evaluators alone.
"""


def main(words: Sequence[str]) -> int:
    """Print a row per pair of methods, or a row per number of a published evaluator; 1 where an evaluator differs."""
    parser = Command("parity", DESCRIPTION, overrides=True)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--images", type=number(Images), default=8, help="how many images of the dataset (default 8)")
    parser.add_argument("--layers", default="last", help="the layer of both methods (default: last)")
    parser.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="an evaluator's clone: wsolevaluation=PATH",
    )
    parser.add_argument("--maps", type=number(Count), default=1000, help="maps for each evaluator (default 1000)")
    parser.add_argument("--all", action="store_true", help="methods and evaluators")
    parser.add_argument("--json", action="store_true")
    chosen = parser.read(words)
    if chosen.all and not chosen.reference:
        raise ConfigError("--all compares evaluators, too: give at least one, --reference wsolevaluation=PATH")
    tables: list[list[dict[str, Any]]] = []
    if chosen.all or not chosen.reference:
        compare = _file("compare.py")
        if chosen.all and not compare.peers.INSTALLED:
            log.warning(
                "no other library is installed, so methods are left out; get them with: pip install 'wsol[peers]'"
            )
        else:
            settings = compose_settings(chosen.overrides)
            rows = compare.parity(settings, images=chosen.images, layers=chosen.layers)
            tables.append([dataclasses.asdict(row) for row in rows])
    different = False
    if chosen.reference:
        found = _file("references.py").agreements(chosen.reference, maps=chosen.maps)
        tables.append([dataclasses.asdict(row) for row in found])
        different = any(row.different for row in found)
    if chosen.json:
        json.dump([row for rows in tables for row in rows], sys.stdout, indent=1)
        print()
        return int(different)
    from wsol.report.tables.render import print_table

    for rows in tables:
        print_table([{k: f"{v:.3g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])
    return int(different)


def _file(name: str) -> ModuleType:
    """A file of the repository's folder benchmarks/parity. Raises ConfigError where it is not there."""
    file = benchmarks_dir() / "parity" / name
    if not file.is_file():
        raise ConfigError(f"wsol parity needs the repository's folder benchmarks/parity, and {file} does not exist")
    return load_file(file)
