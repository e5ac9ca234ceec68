"""`wsol diff protocols A B`: the knobs in which two protocols differ. Imports no torch."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from wsol.cli import choices
from wsol.errors import unknown
from wsol.report.tables.render import print_table


def main(words: Sequence[str]) -> int:
    """Print what differs; `--json` for machines."""
    parser = argparse.ArgumentParser(
        prog="wsol diff",
        description="Print the knobs in which two protocols differ.",
        epilog="example: wsol diff protocols choe2020_v2 'choe2020_v2[normalise=max]'",
    )
    parser.add_argument("kind", help="protocols")
    parser.add_argument("first", metavar="A")
    parser.add_argument("second", metavar="B")
    parser.add_argument("--json", action="store_true", help="print one object")
    chosen = parser.parse_args(choices.load_with([*words]))
    if chosen.kind.removesuffix("s") != "protocol":
        raise unknown("kind of thing to compare", chosen.kind, ("protocols",))
    from wsol.protocols._base import named

    first, second = named(chosen.first), named(chosen.second)
    a, b = first.knobs, second.knobs
    differing = {k: (a[k], b[k]) for k in a if a[k] != b[k]}
    if chosen.json:
        found = {k: {"a": x, "b": y} for k, (x, y) in differing.items()}
        json.dump({"a": first.name, "b": second.name, "knobs": found}, sys.stdout, indent=1)
        print()
    elif not differing:
        print(f"{first.name} and {second.name} have the same knobs")
    else:
        print_table([{"knob": k, first.name: x, second.name: y} for k, (x, y) in differing.items()])
    return 0
