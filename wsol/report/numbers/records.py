"""Numbers as plain objects, for JSON, CSV and dashboards."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.lines import RUN_FIELDS
from wsol.report.numbers.paired import apart

if TYPE_CHECKING:
    from wsol.report.numbers.lines import Key, Line
    from wsol.report.numbers.quantity import Cell


def records(
    lines: Sequence[Line], *, keys: Collection[Key] | None = None, bases: Sequence[Line] = ()
) -> list[dict[str, Any]]:
    """One object per number; unknown ones are None, since JSON has no NaN.

    Parameters
    ----------
    keys : only these; all by default.
    bases : for each line, the one whose paired difference its numbers get; none by default.
    """
    numbers = []
    for n, line in enumerate(lines):
        variant, base = line.variant, bases[n] if bases else None
        about: dict[str, Any] = {"variant": line.name, "method": line.fields.get("method")}
        about["layers"] = "+".join(variant.layers) if variant else line.fields.get("layers")
        about["options"] = dict(variant.options) if variant else {}
        run = {name: line.fields.get(name) for name in RUN_FIELDS}
        spent = {name: finite(value) for name, value in line.costs.items()}
        for key, cell in line.cells.items():
            if keys is None or key in keys:
                paired = _difference(cell, base.cells.get(key), base.name) if base else {}
                numbers.append(about | _number(cell) | {"same_as": line.same_as} | _extra(cell) | run | spent | paired)
    return numbers


def _number(cell: Cell) -> dict[str, Any]:
    return {
        "protocol": cell.measure,
        "metric": cell.metric,
        "value": finite(cell.value),
        "low": finite(cell.low),
        "high": finite(cell.high),
        "n": cell.n,
        "percent": cell.percent,
        "tau": list(cell.tau),
        "tau_from": cell.tau_from,
        "slice": cell.slice,
        "higher_is_better": cell.higher_is_better,
    }


def _extra(cell: Cell) -> dict[str, Any]:
    """What few numbers have: failed images, several seeds."""
    failed = {"failed": cell.failed} if cell.failed else {}
    return failed | ({"seeds": cell.seeds, "seed_std": cell.spread} if cell.seeds > 1 else {})


def _difference(cell: Cell, base: Cell | None, name: str) -> dict[str, Any]:
    """The paired difference to a baseline's number; nothing where they are not of the same images."""
    pair = apart(cell, base) if cell is not base else None
    if pair is None:
        return {}
    points, test = pair
    ends = {"difference_low": finite(points.low), "difference_high": finite(points.high)}
    return {"baseline": name, "difference": points.value, **ends, "p": test.p}


def finite(value: float) -> float | None:
    """The number, or None where it is not finite: JSON has no NaN."""
    return value if math.isfinite(value) else None
