"""What variants, layers, protocols, metrics and option values are called where there is little room."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wsol.runs.schema import ProtocolInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsol.report.numbers.quantity import Cell
    from wsol.runs.schema import MetricInfo, VariantInfo

    Measures = Mapping[str, ProtocolInfo | MetricInfo]

LONG = 26  # characters of options that fit beside a method's name; longer ones become a note


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


def label_of(variant: VariantInfo) -> tuple[str, str]:
    """A variant in words: the method's name as its paper writes it, and what sets the variant apart.

    The size of its sample is left out: n says it.
    """
    options = [f"{name} {plain(value)}" for name, value in sorted(variant.options.items()) if name != "sample"]
    layers = short_layers("+".join(variant.layers))
    return variant.name, ", ".join([layers, *options] if layers else options)


def short_measure(measure: str, measures: Measures) -> str:
    """``choe2020_v2`` with changed knobs as ``V2[tau_step=0.01]``; a metric without the size of its sample."""
    info = measures.get(measure)
    if info is None:
        return measure
    base = info.preset or measure if isinstance(info, ProtocolInfo) else info.key
    version = base.removeprefix("choe2020_")
    base = version.upper() if version != base else base
    return f"{base}[{in_words(info.changes, ',')}]" if info.changes else base


def title(cell: Cell, measures: Measures) -> tuple[str, str]:
    """What a number is called, and the short name of its measure: ``MaxBoxAcc`` and ``V2``, never ``MaxBoxAccV2``."""
    measure = short_measure(cell.measure, measures)
    return cell.label.removesuffix(measure.partition("[")[0]), measure


def in_words(options: Mapping[str, Any], between: str = ", ") -> str:
    """``side=112, tau_step=0.01``."""
    return between.join(f"{name}={plain(value)}" for name, value in sorted(options.items()))


def plain(value: Any) -> str:
    """An option's value as one would type it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(plain, value))}]"
    return "null" if value is None else str(value)


def natural(value: Any) -> tuple[tuple[int, float, str], ...]:
    """A key that sorts numbers as numbers, also inside names: stage2 before stage10, nothing first."""
    if value is None:
        return ()
    if isinstance(value, int | float):
        return ((0, float(value), ""),)
    parts = re.findall(r"\d+(?:\.\d+)?|[^\d]+", str(value))
    return tuple((0, float(p), "") if p[0].isdigit() else (1, 0.0, p) for p in parts)


def slug(name: str) -> str:
    """A name as part of a file name."""
    return re.sub(r"[^\w.+=@-]+", "_", name).strip("_")
