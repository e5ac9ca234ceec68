"""What a run varied while all else stayed: an option of a method, or a knob of a protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from wsol.report.numbers.lines import Key, Line, grouped, value_of
from wsol.report.numbers.names import in_words, natural, plain, short_layers, short_name
from wsol.report.numbers.paired import apart, p_of_pairs, significant
from wsol.report.numbers.quantity import Cell

if TYPE_CHECKING:
    from wsol.runs.schema import ProtocolInfo
    from wsol.stats.paired import Difference

FEWEST = 2  # derived protocols that make a study rather than one more protocol


@dataclass(frozen=True, slots=True)
class Ablation:
    """One number of a method over the values of one of its options.

    Attributes
    ----------
    name : of the method as its paper writes it; `method` is its key.
    values : of the option, in order; None where the method does without.
    series : what the other options were (``""`` where there is only one series) to cells by the place of their value.
    """

    method: str
    name: str
    option: str
    values: Sequence[Any]
    series: Mapping[str, Mapping[int, Cell]]

    @property
    def names(self) -> list[str]:
        """The values as a reader would write them."""
        return [_value_in_words(self.option, value) for value in self.values]

    @property
    def numeric(self) -> bool:
        """Whether all values but None are numbers."""
        given = [v for v in self.values if v is not None]
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)

    @property
    def ordered(self) -> bool:
        """Whether a line between neighbors means something: numbers, and single layers from shallow to deep."""
        return self.numeric or (self.option == "layers" and not any("+" in str(v) for v in self.values))

    @property
    def cell(self) -> Cell:
        """Any of its cells: they are all of one quantity."""
        return next(cell for cells in self.series.values() for cell in cells.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an ablation shows, by paired tests of all pairs of values in all series, Holm-corrected together.

    Attributes
    ----------
    moved : the largest difference between two values in one series, in the number's own unit; `at` is that series.
    differing : the series in which any two values differ significantly.
    best : by series, the place of the highest value and the places not significantly worse than it.
    """

    moved: float
    at: str
    differing: Sequence[str]
    best: Mapping[str, tuple[int, Sequence[int]]]


def ablations(lines: Sequence[Line], key: Key) -> Iterator[Ablation]:
    """Every option, layers included, of which a method ran with several values; the numbers are those of `key`."""
    taking = [line for line in lines if line.variant is not None and not line.control and key in line.cells]
    for group in grouped(taking, lambda line: line.fields["method"]):
        names = dict.fromkeys(n for line in group for n in _options(line))
        for option in names:
            series = _series(group, key, option, [n for n in names if n != option])
            if series:
                about = group[0].about
                assert about is not None
                values = sorted({plain(v): v for cells in series.values() for v, _ in cells}.values(), key=_order)
                places = {plain(v): n for n, v in enumerate(values)}
                by_place = {
                    rest: dict(sorted((places[plain(v)], cell) for v, cell in cells)) for rest, cells in series.items()
                }
                yield Ablation(about.method, about.name, option, values, by_place)


def outcome(study: Ablation) -> Outcome | None:
    """What paired tests say of an ablation; None where its values are not of the same images."""
    pairs: dict[tuple[str, int, int], float] = {}
    for rest, cells in study.series.items():
        found = p_of_pairs(list(cells.values()))
        if found is None:
            return None
        pairs |= zip(((rest, a, b) for a, b in combinations(cells, 2)), found, strict=True)
    sure = significant(pairs)
    sign = -1 if study.cell.higher_is_better is False else 1
    best, moved = {}, {}
    for rest, cells in study.series.items():
        top = max(cells, key=lambda n: sign * cells[n].value)
        best[rest] = (top, [n for n in cells if n != top and (rest, *sorted((top, n))) not in sure])
        moved[rest] = max(c.value for c in cells.values()) - min(c.value for c in cells.values())
    at = max(moved, key=lambda rest: moved[rest])
    return Outcome(moved[at], at, list(dict.fromkeys(rest for rest, _, _ in sorted(sure))), best)


def _series(lines: Sequence[Line], key: Key, option: str, others: Sequence[str]) -> dict[str, list[tuple[Any, Cell]]]:
    """By the values of the other options, the values of `option` with their cells; series of one value are left out."""
    series: dict[tuple[str, ...], dict[str, tuple[Any, Cell]]] = {}
    idle: list[Line] = []
    for line in lines:
        if set(others) & set(line.about.idle if line.about else ()):
            idle.append(line)
        else:
            rest = tuple(_value_of_option(line, n) for n in others)
            series.setdefault(rest, {})[plain(value_of(line, option))] = (value_of(line, option), line.cells[key])
    for line in idle:  # its idle options may have any value, so it belongs to each series that agrees in the others
        assert line.about is not None
        fixed = [None if n in line.about.idle else _value_of_option(line, n) for n in others]
        fitting = [r for r in series if all(a in (None, b) for a, b in zip(fixed, r, strict=True))]
        for rest in fitting or [tuple(value or "" for value in fixed)]:
            value = value_of(line, option)
            series.setdefault(rest, {}).setdefault(plain(value), (value, line.cells[key]))
    several = {rest: list(cells.values()) for rest, cells in series.items() if len(cells) > 1}
    varying = [n for n in range(len(others)) if len({rest[n] for rest in several}) > 1]
    return {", ".join(rest[n] for n in varying if rest[n]): cells for rest, cells in several.items()}


def _options(line: Line) -> list[str]:
    assert line.about is not None
    return [*(["layers"] if line.about.layers else []), *line.about.options]


def _value_of_option(line: Line, option: str) -> str:
    value = _value_in_words(option, value_of(line, option))
    return value if option == "layers" else f"{option} {value}"


def _value_in_words(option: str, value: Any) -> str:
    return short_layers(str(value)) if option == "layers" else "none" if value is None else plain(value)


def _order(value: Any) -> tuple[Any, ...]:
    """None first, single layers before fused ones, numbers by size."""
    return (value is not None, str(value).count("+"), natural(value))


@dataclass(frozen=True, slots=True)
class KnobStudy:
    """A preset and the protocols derived from it, by what differs in words: ``normalise=max``.

    `taus` are their fixed thresholds where nothing else differs in any of them, else empty.
    """

    base: str
    derived: Mapping[str, str]
    taus: Mapping[str, float]


def knob_study(protocols: Mapping[str, ProtocolInfo]) -> KnobStudy | None:
    """The study that a run's protocols make: one preset, at least two derived from it, and no others."""
    for base in protocols:
        changes = {name: p.changes for name, p in protocols.items() if p.preset == base and p.changes}
        if len(changes) >= FEWEST and len(changes) == len(protocols) - 1:
            over_tau = all(c.keys() == {"tau"} and not isinstance(c["tau"], str) for c in changes.values())
            taus = {name: float(c["tau"]) for name, c in changes.items()} if over_tau else {}
            named = {name: in_words(c) for name, c in changes.items()}
            return KnobStudy(base, dict(sorted(named.items(), key=lambda pair: natural(pair[1]))), taus)
    return None


def knob_differences(lines: Sequence[Line], study: KnobStudy) -> dict[tuple[str, str], tuple[Cell, Difference]]:
    """By (protocol, variant), the paired difference to the preset's main number, in points, and its test."""
    pairs = {
        (p, line.name): apart(main_cell(line, p), main_cell(line, study.base)) for line in lines for p in study.derived
    }
    return {place: pair for place, pair in pairs.items() if pair is not None}


def over_tau(lines: Sequence[Line], study: KnobStudy) -> Ablation:
    """The main number of protocols that differ in their fixed threshold only, one series per variant."""
    values = sorted(study.taus.values())
    series: dict[str, dict[int, Cell]] = {}
    for line in lines:
        if not line.same_as:
            cells = {values.index(tau): main_cell(line, name) for name, tau in study.taus.items()}
            series[brief(line)] = {n: cell for n, cell in sorted(cells.items()) if cell is not None}
    return Ablation(
        "protocol", "fixed threshold", "tau", values, {name: cells for name, cells in series.items() if cells}
    )


def main_cell(line: Line, protocol: str) -> Cell | None:
    """The main number of a protocol in this line."""
    cells = (cell for key, cell in line.cells.items() if key[0] == protocol and not cell.slice)
    return next((cell for cell in cells if cell.quantity.headline), None)


def brief(line: Line) -> str:
    """What a line is called where there is little room."""
    return short_name(line.variant)[0] if line.variant else line.name
