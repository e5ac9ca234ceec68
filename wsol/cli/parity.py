"""`wsol parity`: our methods beside other libraries' own, on the same images."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence

from wsol.cli.options import Command, number
from wsol.environment import benchmarks_dir
from wsol.errors import ConfigError
from wsol.options import Images
from wsol.registry import load_file
from wsol.settings import compose_settings

DESCRIPTION = """Compare with pytorch-grad-cam, torch-cam and captum as installed (extra: peers); dataset= and model= as
for wsol run. The other libraries' methods are in benchmarks/parity/peers.py.
"""


def main(words: Sequence[str]) -> int:
    """Print one row per pair: correlation, largest difference, IoU of the boxes, known reason."""
    parser = Command("parity", DESCRIPTION, overrides=True)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--images", type=number(Images), default=8, help="how many images of the dataset (default 8)")
    parser.add_argument("--layers", default="last", help="the layer of both methods (default: last)")
    parser.add_argument("--json", action="store_true")
    chosen = parser.read(words)
    file = benchmarks_dir() / "parity" / "compare.py"
    if not file.is_file():
        raise ConfigError(f"wsol parity needs the repository's folder benchmarks/parity, and {file} does not exist")
    settings = compose_settings(chosen.overrides)
    rows = [
        dataclasses.asdict(row) for row in load_file(file).parity(settings, images=chosen.images, layers=chosen.layers)
    ]
    if chosen.json:
        json.dump(rows, sys.stdout, indent=1)
        print()
        return 0
    from wsol.report.tables.render import print_table

    print_table([{k: f"{v:.3g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])
    return 0
