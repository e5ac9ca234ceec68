"""Sentences under a table on rows and numbers that are not what one would take them for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsol.report.numbers.lines import Line
    from wsol.runs.schema import ProtocolInfo


def ceilings(lines: Sequence[Line]) -> list[str]:
    """What ``of reachable`` and the rows of ceilings are, where they stand."""
    shown: Mapping[str, None] = dict.fromkeys(line.name for line in lines if line.ceiling)
    if not shown:
        return []
    notes = [
        f"Ceilings ({', '.join(shown)}) know what no method knows: the ground truth and each image's best "
        "threshold, or the curve they are made for. They take no part in tests and ranks; that nothing scores higher "
        "is not proved."
    ]
    if any(key[1].endswith("_of_reachable") for line in lines for key in line.cells):
        notes.append("of reachable: the number left of it as a share of the ceiling's of the same layers.")
    return notes


def reaveraged(protocols: Iterable[ProtocolInfo]) -> list[str]:
    """A sentence on the protocols whose accuracies are not averaged as their names say; nothing where all are."""
    other = [p for p in protocols if "average" in p.changes and f"average={p.changes['average']}" not in p.name]
    if not other:
        return []
    over = other[0].knobs["average"]
    return [
        f"Accuracies of {', '.join(p.name for p in other)} are averaged over {over} here, which they are not by rule."
    ]
