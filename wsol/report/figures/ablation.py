"""Which options a run varied while all else stayed: one plot each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.lines import value_of
from wsol.report.tables.knobs import brief, main_cell
from wsol.report.tables.names import natural, plain, short_layers, short_protocol

if TYPE_CHECKING:
    from wsol.report.numbers.lines import Line
    from wsol.report.numbers.quantity import Cell
    from wsol.report.page.data import Material
    from wsol.report.tables.knobs import Study


@dataclass(frozen=True, slots=True)
class Ablation:
    """A method's headline number over one of its options.

    Attributes
    ----------
    name : of the method as its paper writes it; `method` is its key.
    values : of the option, in order.
    lines : what the other options were (``""`` where there is only one line) to cells by the position of their value.
    label : what the number is.
    """

    method: str
    name: str
    option: str
    values: Sequence[Any]
    lines: Mapping[str, Mapping[int, Cell]]
    label: str

    @property
    def names(self) -> list[str]:
        """The values as a reader would write them."""
        return [short_layers(str(v)) if self.option == "layers" else plain(v) for v in self.values]

    @property
    def ordered(self) -> bool:
        """Whether a line between neighbours says something: numbers, and single layers from shallow to deep."""
        return self.numeric or (self.option == "layers" and not any("+" in str(v) for v in self.values))

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers, and their distances mean something."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)


def ablations(material: Material) -> Iterator[Ablation]:
    """Every option, layers included, of which a method ran with several values."""
    if material.headline is None:
        return
    measure, metric, _ = material.headline
    by_method: dict[str, list[tuple[dict[str, Any], Cell]]] = {}
    about = {}
    for key, line in zip(material.variants, material.lines, strict=True):
        cell, variant = material.cell(key, measure, metric), material.variants[key]
        if cell is None:
            continue
        about[variant.method] = variant.name
        own = {"layers": line.fields["layers"]} if variant.layers else {}
        by_method.setdefault(variant.method, []).append((own | dict(variant.options), cell))
    for method, found in by_method.items():
        names = dict.fromkeys(name for choice, _ in found for name in choice)
        full = [  # an option that one variant sets has its default in the others
            ({n: choice[n] if n in choice else _default(material, method, n) for n in names}, cell)
            for choice, cell in found
        ]
        for option in names:
            study = _study(method, about[method], option, full, short_protocol(measure))
            if study is not None:
                yield study


def thresholds(lines: Sequence[Line], study: Study) -> Ablation:
    """The main number of protocols that differ in their fixed threshold only, one line per variant."""
    values = sorted(study.taus.values())
    found: dict[str, dict[int, Cell]] = {}
    for line in lines:
        if not line.same_as:
            cells = {values.index(tau): main_cell(line, name) for name, tau in study.taus.items()}
            found[brief(line)] = {n: cell for n, cell in sorted(cells.items()) if cell is not None}
    first = next(cell for cells in found.values() for cell in cells.values())
    label = f"{first.label}, {short_protocol(study.base)}"
    return Ablation("protocol", "fixed threshold", "tau", values, {k: v for k, v in found.items() if v}, label)


def _study(
    method: str, name: str, option: str, found: Sequence[tuple[dict[str, Any], Cell]], protocol: str
) -> Ablation | None:
    values = sorted({plain(choice[option]): choice[option] for choice, _ in found}.values(), key=_order)
    lines: dict[str, dict[int, Cell]] = {}
    for choice, cell in found:
        rest = ", ".join(said(n, v) for n, v in choice.items() if n != option)
        lines.setdefault(rest, {})[values.index(choice[option])] = cell
    several = {rest: dict(sorted(cells.items())) for rest, cells in lines.items() if len(cells) > 1}
    if not several:
        return None
    used = sorted({place for cells in several.values() for place in cells})
    moved = {rest: {used.index(i): c for i, c in cells.items()} for rest, cells in several.items()}
    label = f"{found[0][1].label}, {protocol}"
    if len(moved) == 1:
        moved = {"": next(iter(moved.values()))}
    return Ablation(method, name, option, [values[i] for i in used], moved, label)


def said(option: str, value: Any) -> str:
    """An option and its value: layers say what they are by themselves."""
    return short_layers(str(value)) if option == "layers" else f"{option} {plain(value)}"


def _order(value: Any) -> tuple[Any, ...]:
    """Single layers before fused ones, numbers by size."""
    return (str(value).count("+"), natural(value))


def _default(material: Material, method: str, option: str) -> Any:
    line = next(
        line
        for line in material.lines
        if line.about is not None and line.about.method == method and option not in line.about.options
    )
    return value_of(line, option)
