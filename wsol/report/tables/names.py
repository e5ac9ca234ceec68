"""Short names for long things: variants, protocols, intervals."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.quantity import Cell

if TYPE_CHECKING:
    from wsol.runs.schema import VariantInfo

FAILED = "failed†"  # instead of a number
LONG = 26  # characters of options that fit beside a method's name; longer ones become a note
SYMMETRIC = 1 / 3  # sides of an interval that differ by less are written as one number, the longer
COARSE = 4.0  # points; the ends of wider intervals move by a tenth of that from one bootstrap to the next: no digits


def short_layers(layers: str) -> str:
    """``stage3+stage4+stage5`` as ``stage3-5``, ``stage3+stage5`` as ``stage3+5``; other names stay."""
    names = layers.split("+")
    if len(names) < 2 or not all(re.fullmatch(r"stage\d+", name) for name in names):
        return layers
    stages = [int(name.removeprefix("stage")) for name in names]
    if len(stages) > 2 and stages == list(range(stages[0], stages[-1] + 1)):
        return f"stage{stages[0]}-{stages[-1]}"
    return "stage" + "+".join(str(stage) for stage in stages)


def short_name(variant: VariantInfo) -> tuple[str, str]:
    """A variant's name for tables, and the options that don't fit there (or ``""``)."""
    layers = short_layers("+".join(variant.layers))
    name = f"{variant.method}@{layers}" if layers else variant.method
    options = ", ".join(f"{k}={plain(v)}" for k, v in sorted(variant.options.items()))
    if len(options) > LONG:
        return name, options
    return (f"{name}[{options.replace(' ', '')}]" if options else name), ""


def short_protocol(name: str) -> str:
    """``choe2020_v2[tau_step=0.01]`` as ``V2[tau_step=0.01]``."""
    return re.sub(r"^choe2020_(v\d)", lambda found: found[1].upper(), name)


def short_metric(name: str) -> str:
    """``rise2018_dataset[sample=40]`` without the sample, which the note on n tells."""
    return re.sub(r",?sample=\d+,?", "", name).replace("[]", "")


def plain(value: Any) -> str:
    """An option's value as one would type it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "null" if value is None else str(value)


def natural(value: Any) -> tuple[tuple[int, float, str], ...]:
    """A key that sorts numbers as numbers, also inside names: stage2 before stage10, nothing first."""
    if value is None:
        return ()
    if isinstance(value, int | float):
        return ((0, float(value), ""),)
    parts = re.findall(r"\d+(?:\.\d+)?|[^\d]+", str(value))
    return tuple((0, float(p), "") if p[0].isdigit() else (1, 0.0, p) for p in parts)


@dataclass(frozen=True, slots=True)
class Style:
    """How the intervals of one column are written, so that numbers stand below each other."""

    plus_minus: bool = False
    coarse: bool = False
    signed: bool = False

    @classmethod
    def of(cls, cells: Sequence[Cell], *, signed: bool = False) -> Style:
        """± where all intervals are nearly symmetric; ends without digits where all are wide."""
        known = [c for c in cells if not (math.isnan(c.value) or math.isnan(c.low) or c.low == c.high)]
        coarse = bool(known) and all(c.percent and c.high - c.low >= COARSE for c in known)
        return cls(all(_lopsided(cell) <= SYMMETRIC for cell in known), coarse, signed)


def text(cell: Cell, style: Style | None = None) -> str:
    """``58.9 ±3.2`` or ``58.9 [55.7, 62.1]``: percentages and counts with one digit, others with three."""
    style = style or Style()
    if math.isnan(cell.value):
        return FAILED if cell.failed else ""
    digits, sign = cell.digits, "+" if style.signed else ""
    value = number(cell.value, digits, sign)
    if math.isnan(cell.low) or math.isnan(cell.high) or cell.low == cell.high:
        return value
    if style.plus_minus:
        found = f"{value} ±{max(cell.high - cell.value, cell.value - cell.low):.{digits}f}"
    elif style.coarse:  # outwards, so that the interval stays one
        found = f"{value} [{number(math.floor(cell.low), 0, sign)}, {number(math.ceil(cell.high), 0, sign)}]"
    else:
        found = f"{value} [{number(cell.low, digits, sign)}, {number(cell.high, digits, sign)}]"
    return found if cell.seeds == 1 else f"{found} (s {cell.spread:.{digits}f})"


def number(value: float, digits: int, sign: str = "") -> str:
    """A rounded number; what rounds to zero has no sign."""
    shown = f"{value:{sign}.{digits}f}"
    return shown.replace("-", "").replace("+", "") if float(shown) == 0 else shown


def cost(value: float) -> str:
    """Two digits at least, none after the point from ten on."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _lopsided(cell: Cell) -> float:
    up, down = cell.high - cell.value, cell.value - cell.low
    longer = max(up, down)
    return 0.0 if not longer > 0 else abs(up - down) / longer
